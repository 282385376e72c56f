"""What comes with a trained classifier for people to read: what goes in, what comes out, and what it doesn't know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from napari_em_autoclass import __version__

if TYPE_CHECKING:
    from napari_em_autoclass.core.exported_model import Channel, ExportedModel

__all__ = ["distinct_names", "readme_of", "summary_of"]

_TEXT: Final = """# {title}

{summary} Made by napari-em-autoclass {version}.

## Input

Grey values of {sections}, float32, as stored. The network normalises
them itself (centre {centre:g}, spread {spread:g} grey values). A stack of other brightness or contrast
is brought to that median, and to that half of the range between its 16th and 84th percentile, first.

Voxels are {voxels} nm (z, y, x); resample others. Sides are at least {least} pixels, in steps of {step} (y, x).

## Output

Probabilities of {n_classes} classes on the same pixels. Crop {halo} pixels (y, x) at each end: there the answer
depends on what was beyond.

| channel | class | colour | ids in the run |
|---|---|---|---|
{rows}

## Validation

The test tensors are of a made-up section: they show that the network runs as it did at home, not how good it is.
Compare its classes with labels of a stack of yours before you trust them. It was trained without labels, on one stack
or a few of one preparation; on other tissue, staining or voxel sizes its classes may mean nothing.
"""


def readme_of(exported: ExportedModel, title: str = "") -> str:
    """Return a page in Markdown about a network, "" as title takes a general one."""
    names = distinct_names(exported.channels)
    rows = [
        f"| {i} | {name} | {channel.color} | {', '.join(map(str, channel.ids))} |"
        for i, (name, channel) in enumerate(zip(names, exported.channels, strict=True))
    ]
    several = f"{exported.n_sections} sections, of which it classifies the one in the middle"
    return _TEXT.format(
        title=title or "Pixel classes of electron microscopy",
        summary=summary_of(exported),
        version=__version__,
        sections="one section" if exported.n_sections == 1 else several,
        centre=exported.normalisation.centre,
        spread=exported.normalisation.spread,
        voxels=_by(exported.voxel_size_nm),
        least=_by(exported.least_px),
        step=_by(exported.step_px),
        halo=_by(exported.halo_px),
        n_classes=len(rows),
        rows="\n".join(rows),
    )


def summary_of(exported: ExportedModel) -> str:
    """Return one sentence on what a network does."""
    return (
        f"Gives each pixel of an electron-microscopy section of {_by(exported.voxel_size_nm[1:])} nm the probabilities "
        f"of {len(exported.channels)} classes, which napari-em-autoclass learned without labels."
    )


def distinct_names(channels: tuple[Channel, ...]) -> list[str]:
    """Return the names of the channels, with their id where several have one name."""
    names = [channel.name for channel in channels]
    return [
        f"{channel.name} ({channel.ids[0]})" if names.count(channel.name) > 1 else channel.name for channel in channels
    ]


def _by(sizes: tuple[float, ...]) -> str:
    return " x ".join(f"{size:g}" for size in sizes)
