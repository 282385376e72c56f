"""How another process gets a stack: by what opens it there, or as the voxels themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Box, Volume
from napari_em_autoclass.io.readers import open_volume

if TYPE_CHECKING:
    import numpy as np

__all__ = ["ByPath", "ByValue", "by_path", "by_value"]

_MOST_BYTES: Final = 2**30


@dataclass(frozen=True, slots=True)
class ByPath:
    """Opens a stack by the text that `Volume.source` is; `axes` and `box` as they were asked for, None for all."""

    source: str
    voxel_size_nm: tuple[float, float, float]
    axes: str | None = None
    box: Box | None = None

    def __call__(self) -> Volume:
        """Return the stack.

        Raises
        ------
        InputError
            If it can't be opened.
        """
        volume = open_volume(self.source, axes=self.axes, voxel_size_nm=self.voxel_size_nm)
        return volume if self.box is None else volume.crop(self.box)


@dataclass(frozen=True, slots=True)
class ByValue:
    """A stack whose voxels (Z, Y, X) travel with it."""

    voxels: np.ndarray[Any, Any]
    voxel_size_nm: tuple[float, float, float]
    name: str
    source: str

    def __call__(self) -> Volume:
        """Return the stack."""
        return Volume(self.voxels, self.voxel_size_nm, self.name, self.source)


def by_path(volume: Volume, axes: str | None = None, box: Box | None = None) -> ByPath | None:
    """Return what opens `volume` in another process, None if it is in no file, or the file now holds something else.

    Parameters
    ----------
    volume : as opened, or a layer's data
    axes : as asked for when it was opened
    box : which part of the file it is
    """
    if not volume.source:
        return None
    source = volume.source if "://" in volume.source else str(Path(volume.source).expanduser().absolute())
    found = ByPath(source, volume.voxel_size_nm, axes, box)
    try:
        again = found()
    except InputError:  # the source of a layer may be its name
        return None
    is_same = (again.shape_zyx, again.dtype) == (volume.shape_zyx, volume.dtype)
    return found if is_same else None


def by_value(volume: Volume, most_bytes: int = _MOST_BYTES) -> ByValue:
    """Read all of `volume`, to be sent.

    Raises
    ------
    InputError
        If it is larger than `most_bytes`, or can't be read.
    """
    depth, height, width = volume.shape_zyx
    size = depth * height * width * volume.dtype.itemsize
    if size > most_bytes:
        raise InputError(
            f"{volume.name} is too large to be sent ({size / 2**30:.1f} GiB, at most {most_bytes / 2**30:g} GiB): "
            "save it as a file where both can read it"
        )
    voxels = volume.read(Box.whole(volume.shape_zyx))
    return ByValue(voxels, volume.voxel_size_nm, volume.name, volume.source)
