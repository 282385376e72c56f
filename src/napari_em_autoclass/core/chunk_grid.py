"""How a stack is cut in storage.

Storage is read chunk by chunk: whoever wants a voxel pays for its chunk.  What is read is therefore laid out along the
chunks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["ChunkGrid", "chunk_grid", "chunk_sizes"]


@dataclass(frozen=True, slots=True)
class ChunkGrid:
    """Where one chunk ends and the next begins: at ``offset + i * sizes``, in voxels (z, y, x)."""

    sizes: tuple[int, int, int]
    offset: tuple[int, int, int] = (0, 0, 0)

    def seen_from(self, corner_zyx: tuple[int, int, int]) -> ChunkGrid:
        """Return the grid in the coordinates of a part that begins at `corner_zyx`."""
        z, y, x = ((at - corner) % size for at, corner, size in zip(self.offset, corner_zyx, self.sizes, strict=True))
        return ChunkGrid(self.sizes, (z, y, x))

    def cuts(self, axis: int, start: int, stop: int) -> list[tuple[int, int]]:
        """Return the voxels `start` to `stop` - 1 along an axis, cut where chunks end, as (first, end)."""
        size, offset = self.sizes[axis], self.offset[axis]
        first = start + (offset - start) % size
        ends = [*(at for at in range(first, stop, size) if at > start), stop]
        return list(zip([start, *ends[:-1]], ends, strict=True))


def chunk_grid(data: Any) -> ChunkGrid | None:
    """Return how an array with three axes is cut in storage; None where a box costs what it holds.

    Parameters
    ----------
    data : an array that tells its `chunk_grid`, or a Zarr, HDF5 or Dask array
    """
    own = getattr(data, "chunk_grid", None)
    if isinstance(own, ChunkGrid):
        return own
    sizes = chunk_sizes(data)
    return ChunkGrid((sizes[0], sizes[1], sizes[2])) if sizes is not None and len(sizes) == 3 else None


def chunk_sizes(data: Any) -> tuple[int, ...] | None:
    """Return the length of a chunk along each axis of a Zarr, HDF5 or Dask array; None of one without chunks.

    Of a sharded Zarr array these are the inner chunks: they can be read alone.
    """
    chunks = getattr(data, "chunks", None)
    if not isinstance(chunks, tuple) or len(chunks) != len(data.shape):
        return None
    # Dask lists each chunk; the largest stands for all of them.
    sizes = [max(axis) if isinstance(axis, tuple) else int(axis) for axis in chunks]
    return tuple(max(1, min(size, int(length))) for size, length in zip(sizes, data.shape, strict=True))
