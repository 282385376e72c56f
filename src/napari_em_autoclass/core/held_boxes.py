"""Boxes of a stack that are held in memory; those that share chunks of the storage are read together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_em_autoclass.core.chunk_grid import ChunkGrid, chunk_grid
from napari_em_autoclass.core.volume import Box, Volume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_em_autoclass.core.volume import ArrayLike

__all__ = ["HeldBoxes", "read_together", "stored_bytes"]


def stored_bytes(volume: Volume) -> int:
    """Return how many bytes the voxels of `volume` take, before compression."""
    z, y, x = volume.shape_zyx
    return z * y * x * volume.dtype.itemsize


@dataclass(frozen=True, slots=True)
class HeldBoxes:
    """An array of which some boxes are in memory; what lies in none of them is read where it was.

    Parameters
    ----------
    data : the array
    held : boxes, and what is in them
    """

    data: ArrayLike
    held: tuple[tuple[Box, NDArray[Any]], ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self.data.shape

    @property
    def dtype(self) -> Any:
        """As stored."""
        return self.data.dtype

    def __getitem__(self, key: tuple[slice, slice, slice]) -> Any:
        """Return the block at `key`, three plain slices, as `Volume.read` gives them."""
        (z0, z1), (y0, y1), (x0, x1) = ((part.start, part.stop) for part in key)
        wanted = Box(z0, z1, y0, y1, x0, x1)
        for box, values in self.held:
            if _union([box, wanted]) == box:
                return values[z0 - box.z0 : z1 - box.z0, y0 - box.y0 : y1 - box.y0, x0 - box.x0 : x1 - box.x0]
        return self.data[key]


def read_together(volume: Volume, boxes: Sequence[Box], most_bytes: int) -> Volume:
    """Return `volume` with `boxes` in memory, read so that a chunk that several of them share is read once.

    Parameters
    ----------
    volume : where to read
    boxes : near each other, inside the volume
    most_bytes : if what encloses the boxes takes more, it is read layer by layer, and the boxes alone are kept

    Raises
    ------
    InputError
        If the file can't be read there.
    """
    around = _union(boxes)
    held: tuple[tuple[Box, NDArray[Any]], ...]
    if _n_bytes(volume, around) <= most_bytes:
        held = ((around, volume.read(around)),)
        return replace(volume, data=HeldBoxes(volume.data, held))
    grid = chunk_grid(volume.data) or ChunkGrid((1, 1, 1))
    held = tuple((box, np.empty(box.shape, volume.dtype)) for box in boxes)
    for z0, z1 in grid.cuts(0, around.z0, around.z1):
        slab = replace(around, z0=z0, z1=z1)
        # A layer of chunks that is too large as a whole is read box by box.
        shared = read_together(volume, [slab], most_bytes) if _n_bytes(volume, slab) <= most_bytes else volume
        for box, values in held:
            low, high = max(z0, box.z0), min(z1, box.z1)
            if low < high:
                values[low - box.z0 : high - box.z0] = shared.read(replace(box, z0=low, z1=high))
    return replace(volume, data=HeldBoxes(volume.data, held))


def _union(boxes: Sequence[Box]) -> Box:
    """Return the smallest box that holds all of `boxes`."""
    lows = [min(getattr(box, side) for box in boxes) for side in ("z0", "y0", "x0")]
    highs = [max(getattr(box, side) for box in boxes) for side in ("z1", "y1", "x1")]
    return Box(lows[0], highs[0], lows[1], highs[1], lows[2], highs[2])


def _n_bytes(volume: Volume, box: Box) -> int:
    depth, height, width = box.shape
    return depth * height * width * volume.dtype.itemsize
