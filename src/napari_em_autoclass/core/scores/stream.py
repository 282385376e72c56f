"""Class maps and labels read block by block, so that scoring a large stack needs the memory of some sections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import ArrayLike, Box, Volume

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["iter_blocks", "open_ids", "read_ids"]

# 32 MB as the int64 that counting makes of it; larger is not faster.
_BLOCK_VOXELS: Final = 2**22


def open_ids(data: ArrayLike, name: str) -> Volume:
    """Return `data`, shape (Z, Y, X), as a lazy volume of ids.

    Raises
    ------
    InputError
        If it has not three axes, or its pixels aren't integers.
    """
    volume = Volume(data, (1.0, 1.0, 1.0), name)
    if volume.dtype.kind not in "uib":
        raise InputError(f"{name}: pixels of dtype {volume.dtype} are no ids; store them as integers")
    return volume


def iter_blocks(shape_zyx: tuple[int, int, int], block_voxels: int = _BLOCK_VOXELS) -> Iterator[Box]:
    """Yield boxes that tile a stack: whole sections, or bands of one section where that is too large.

    Bands are the outer loop: within a band the boxes follow each other in z, so that the last section of one is the
    neighbour of the first of the next.  A new band begins with ``z0 = 0``.
    """
    z, y, x = shape_zyx
    rows = min(y, max(1, block_voxels // x))
    depth = min(z, max(1, block_voxels // (rows * x)))
    for y0 in range(0, y, rows):
        for z0 in range(0, z, depth):
            yield Box(z0, min(z0 + depth, z), y0, min(y0 + rows, y), 0, x)


def read_ids(volume: Volume, box: Box, largest: int) -> NDArray[Any]:
    """Return the ids in `box`, shape `box.shape`.

    Raises
    ------
    InputError
        If one is negative or above `largest`, or the file can't be read.
    """
    ids = volume.read(box)
    low, high = int(ids.min()), int(ids.max())
    if low < 0:
        raise InputError(f"{volume.name}: id {low} is negative; use 0 for voxels without a class or label")
    if high > largest:
        raise InputError(f"{volume.name}: id {high} is above {largest}; give classes or structures, not single objects")
    return ids.astype(np.uint8) if ids.dtype.kind == "b" else ids
