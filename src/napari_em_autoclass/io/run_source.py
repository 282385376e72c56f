"""The stack that a run learned from, opened again from where it was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import fingerprint
from napari_em_autoclass.io.readers import open_volume
from napari_em_autoclass.io.remote import is_url, named_format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_em_autoclass.core.checkpoint import VolumeRecord
    from napari_em_autoclass.core.volume import Volume

__all__ = ["NO_FILE", "SAMPLE", "open_run_source"]

NO_FILE = "napari layer "
"""What the source of a stack begins with that was a layer without a file."""

SAMPLE = "sample:"
"""What the source of a made-up stack begins with; its mode follows, and it is made again."""


def open_run_source(run_dir: Path, record: VolumeRecord) -> Volume:
    """Return the lazy stack of the run in `run_dir`, with the voxel size that it was learned with.

    Nothing is asked of another machine: somebody else may have written the run, and an address in it.  A relative path
    counts from the present folder, or from that of the run or the one above: both may have been moved.

    Raises
    ------
    InputError
        If there is no stack any more where it was, or one with other voxels; the message says so in one sentence.
    """
    if not record.source or record.source.startswith(NO_FILE):
        raise InputError(
            f"the stack of this run, {record.name}, was a layer without a file; open it as a layer, "
            "and the dock takes the run up"
        )
    if record.source.startswith(SAMPLE):
        made = _made_again(record)
        if made is not None:
            return made
    if _is_elsewhere(record.source):
        raise InputError(
            f"the stack of this run is at {record.source}, where nothing is fetched from unasked; open it by this "
            "address, and the dock takes the run up"
        )
    is_there = False
    for place in _places(run_dir, record.source):
        try:
            volume = open_volume(place, voxel_size_nm=record.voxel_size_nm)
            is_there = True
            if fingerprint(volume) == record.fingerprint:
                return volume
        except InputError:
            is_there = is_there or Path(place).exists()
    what = "does not hold the voxels it learned from" if is_there else "is not there any more"
    raise InputError(
        f"the stack of this run, {record.source}, {what}; open the right one, and the dock takes the run up"
    )


def _made_again(record: VolumeRecord) -> Volume | None:
    """Return the sample that a run learned from, None if this version makes another."""
    from napari_em_autoclass.core.phantom import make_phantom  # noqa: PLC0415
    from napari_em_autoclass.core.volume import Volume  # noqa: PLC0415

    try:
        made = make_phantom(mode=record.source.removeprefix(SAMPLE))  # type: ignore[arg-type]  # checked there
    except InputError:
        return None
    volume = Volume(made.raw, record.voxel_size_nm, record.name, record.source)
    return volume if fingerprint(volume) == record.fingerprint else None


def _is_elsewhere(source: str) -> bool:
    # A path that begins with two slashes is a share of a server on Windows, which is told who asks.
    _, source = named_format(source)
    return (is_url(source) and not source.lower().startswith("file:")) or source.startswith(("\\\\", "//"))


def _places(run_dir: Path, source: str) -> Iterator[str]:
    yield source
    if not Path(source).is_absolute():
        yield from (str(folder / source) for folder in (run_dir, run_dir.parent))
    yield str(run_dir.parent / Path(source).name)
