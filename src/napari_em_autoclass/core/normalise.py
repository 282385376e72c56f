"""Robust normalisation, fitted once per volume and stored with the model.

Grey values become ``(value - centre) / spread`` with the median and the 16-84 % half-range of the volume, and each
section is brought to the volume's centre and spread within limits: sections of one stack differ in contrast, and where
that is the microscope's doing (`section_greys`) it is undone, but a blank one must not be blown up into noise.  Being
affine and robust, it gives the same result whatever the dtype or the contrast setting of the microscope.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pydantic import Field, PositiveFloat

from napari_em_autoclass.core.chunk_grid import chunk_grid
from napari_em_autoclass.core.errors import InputError, UnreadableError
from napari_em_autoclass.core.held_boxes import HeldBoxes
from napari_em_autoclass.core.section_greys import of_microscope
from napari_em_autoclass.core.settings import Settings
from napari_em_autoclass.core.survey import survey
from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_em_autoclass.core.volume import Volume

__all__ = ["GRID", "LIMIT", "Normalisation", "NormalisationSettings", "fit_normalisation"]

# Grid of the normalised values: float copies of integer data differ in the last bits, and must give the same tiles.
GRID: Final = 4096.0
# Beyond this many spreads a value is dirt or a fold; it must not dominate a filter response.
LIMIT: Final = 6.0
# Above this a volume is looked at along its chunks, and only so much of it is read: it must be ready within seconds.
_LARGE_BYTES = 2**30
_READ_BYTES = 128 * 2**20
_SIDE_PX = 256
_DEEPEST = 128  # sections read at once


class NormalisationSettings(Settings):
    """How grey values are made comparable."""

    per_section: bool = True
    """Correct each section's brightness and contrast, where sections differ by more than what is in view."""
    max_sections: int = Field(1024, ge=1, le=100_000)
    """Sections measured at most; those between are interpolated."""


class Normalisation(Settings):
    """The fitted normalisation: centre and spread in grey values of the volume, for the whole and for each section."""

    centre: float
    """Median grey value of the volume."""
    spread: float = Field(gt=0)
    """Half the range that holds the middle 68 % of the grey values."""
    section_centre: tuple[float, ...]
    """Grey value of each section that becomes 0."""
    section_spread: tuple[PositiveFloat, ...]
    """Grey values of each section that become 1."""

    @property
    def is_per_section(self) -> bool:
        """Whether sections are brought to one brightness and contrast."""
        return len({*zip(self.section_centre, self.section_spread, strict=True)}) > 1

    def apply(self, block: NDArray[Any], z0: int) -> NDArray[np.float32]:
        """Return normalised values of `block`, shape (z, y, x), whose first section is number `z0` of the volume.

        Raises
        ------
        InputError
            If the block holds NaN or infinite values.
        """
        stop = z0 + len(block)
        centre = np.asarray(self.section_centre[z0:stop], np.float64)[:, None, None]
        spread = np.asarray(self.section_spread[z0:stop], np.float64)[:, None, None]
        scaled = (block.astype(np.float64) - centre) / spread
        if block.dtype.kind == "f" and not np.isfinite(scaled).all():
            raise InputError(
                f"sections {z0} to {stop - 1} hold NaN or infinite values; replace them (e.g. by 0) and try again"
            )
        np.clip(scaled, -LIMIT, LIMIT, out=scaled)
        return (np.rint(scaled * GRID) / GRID).astype(np.float32)


def fit_normalisation(
    volume: Volume, settings: NormalisationSettings | None = None, large_bytes: int = _LARGE_BYTES
) -> Normalisation:
    """Return the normalisation of `volume`, from patches of at most `max_sections` sections.

    Parameters
    ----------
    volume : of any size
    settings : how
    large_bytes : of a larger volume only some chunks are read, and those that can't be, or hold NaN, are passed over

    Raises
    ------
    InputError
        If (nearly) all measured voxels of each section have one value, or some are NaN or infinite; of a large volume,
        if nothing can be read.
    """
    settings = settings or NormalisationSettings()
    depth, height, width = volume.shape_zyx
    if depth * height * width * volume.dtype.itemsize > large_bytes:
        measured, statistics = _surveyed(volume, settings.max_sections)
    else:
        measured = np.unique(np.linspace(0, depth - 1, min(depth, settings.max_sections)).round().astype(int))
        measured, statistics = _measured(volume, measured)
    # Blank sections say nothing about the tissue, even if they are the most.
    is_shown = statistics[:, 1] > 0
    shown = statistics[is_shown]
    if not len(shown):
        grey = np.median(statistics[:, 0])
        raise InputError(f"{volume.name}: the stack is constant (nearly all voxels are {grey:g}); nothing to learn")
    centre, spread = (float(value) for value in np.median(shown, axis=0))
    if not settings.per_section:
        return Normalisation(
            centre=centre, spread=spread, section_centre=(centre,) * depth, section_spread=(spread,) * depth
        )
    statistics[is_shown] = of_microscope(shown)
    sections = np.arange(depth)
    centres = np.interp(sections, measured, statistics[:, 0]).clip(centre - 2 * spread, centre + 2 * spread)
    spreads = np.interp(sections, measured, statistics[:, 1]).clip(spread / 2, spread * 2)
    return Normalisation(
        centre=centre,
        spread=spread,
        section_centre=tuple(map(float, centres)),
        section_spread=tuple(map(float, spreads)),
    )


def _measured(volume: Volume, sections: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return which of the sections could be looked at, and their centre and spread (n, 2)."""
    found: dict[int, tuple[float, float]] = {}
    unreadable: UnreadableError | None = None
    # Sections that share chunks are read together: one by one, a chunk would be read once for each.
    for low, high in _layers(volume):
        wanted = [int(z) for z in sections if low <= z < high]
        try:
            layer = _held(volume, wanted)
        except UnreadableError:  # find out which sections it is
            layer = volume
        for z in wanted:
            try:
                found[z] = _centre_and_spread(_sample(layer, z))
            except UnreadableError as error:  # a damaged chunk: the other sections tell enough
                unreadable = error
    if unreadable is not None and not found:
        raise unreadable
    return np.array(list(found)), np.array(list(found.values()))


def _layers(volume: Volume) -> list[tuple[int, int]]:
    """Return the sections (first, end) that share chunks."""
    grid, depth = chunk_grid(volume.data), volume.shape_zyx[0]
    cuts = [(0, depth)] if grid is None or grid.sizes[0] == 1 else grid.cuts(0, 0, depth)
    return [(z, min(z + _DEEPEST, high)) for low, high in cuts for z in range(low, high, _DEEPEST)]


def _held(volume: Volume, sections: list[int]) -> Volume:
    """Return the volume with the patches of some sections in memory, if they share chunks."""
    grid = chunk_grid(volume.data)
    if grid is None or grid.sizes[0] == 1 or len(sections) < 2:
        return volume
    low, high = sections[0], sections[-1] + 1
    boxes = [Box(low, high, y, y + h, x, x + w) for y, x, h, w in _corners(volume)]
    return replace(volume, data=HeldBoxes(volume.data, tuple((box, volume.read(box)) for box in boxes)))


def _surveyed(volume: Volume, max_sections: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return which sections of a large volume were looked at, and their centre and spread (n, 2)."""
    layers = survey(volume, _READ_BYTES)
    every = -(-sum(boxes[0].shape[0] for boxes in layers) // max_sections)
    found: dict[int, tuple[float, float]] = {}
    unreadable = InputError(f"{volume.name}: holds nothing but NaN or infinite values where it was looked at")
    for boxes in layers:
        blocks = []
        for box in boxes:
            try:
                blocks.append(volume.read(box)[::every])  # (s, h, w)
            except InputError as error:
                unreadable = error
        for i in range(len(blocks[0]) if blocks else 0):
            values = np.concatenate([block[i].ravel() for block in blocks]).astype(np.float64)
            values = values[np.isfinite(values)]
            if values.size:
                found[boxes[0].z0 + i * every] = _centre_and_spread(values)
    if not found:
        raise unreadable
    return np.array(list(found)), np.array(list(found.values()))


def _sample(volume: Volume, z: int) -> NDArray[np.float64]:
    """Return grey values of section `z` from up to five patches (corners of the middle half, and the centre)."""
    corners = _corners(volume)
    patches = [volume.read(Box(z, z + 1, y, y + h, x, x + w)).ravel() for y, x, h, w in corners]
    values = np.concatenate(patches).astype(np.float64)
    if not np.isfinite(values).all():
        raise InputError(
            f"{volume.name}: section {z} holds NaN or infinite values; replace them (e.g. by 0) and try again"
        )
    return values


def _corners(volume: Volume) -> list[tuple[int, int, int, int]]:
    """Return the patches of each section that are looked at: top, left, height, width."""
    _, height, width = volume.shape_zyx
    if height * width <= 4 * _SIDE_PX * _SIDE_PX:
        return [(0, 0, height, width)]
    h, w = min(_SIDE_PX, height), min(_SIDE_PX, width)
    rows, columns = ((height - h) // 4, (height - h) * 3 // 4), ((width - w) // 4, (width - w) * 3 // 4)
    return [(y, x, h, w) for y in rows for x in columns] + [((height - h) // 2, (width - w) // 2, h, w)]


def _centre_and_spread(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return median and 16-84 % half-range, leaving out fill values at either end."""
    kept = values
    for end in (values.min(), values.max()):
        filled = values == end
        # Padding of aligned stacks and clipped contrast pile up at the extreme values; they are not tissue.
        if 0.05 < filled.mean() < 0.95:
            kept = kept[kept != end]
    if not len(kept) or kept.min() == kept.max():
        kept = values  # a drawing in a few grey values, not a filled image
    low, centre, high = np.percentile(kept, (16, 50, 84))
    return float(centre), float((high - low) / 2)
