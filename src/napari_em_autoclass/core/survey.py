"""Where to look in a volume that is too large to be looked at section by section.

A few columns through the stack, each as wide as a chunk or two: every chunk that is read is used in full, and a stack
of any size takes seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from napari_em_autoclass.core.chunk_grid import ChunkGrid, chunk_grid
from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from napari_em_autoclass.core.volume import Volume

__all__ = ["survey"]

_LEAST_SIDE: Final = 64  # pixels of a patch
_MOST_SIDE: Final = 256
_FEWEST_LAYERS: Final = 16
# Middle first; then so far from the edges that aligned stacks, which are filled up there, still show tissue.
_PLACES: Final = ((1 / 2, 1 / 2), (1 / 4, 1 / 4), (3 / 4, 3 / 4), (1 / 4, 3 / 4), (3 / 4, 1 / 4))
_FEWEST_COLUMNS: Final = 3
_PAGE: Final = 4096  # bytes that a mapped file reads at least


def survey(volume: Volume, most_bytes: int) -> list[list[Box]]:
    """Return boxes to look at: for each of some layers of sections, from first to last, up to five patches of it.

    Parameters
    ----------
    volume : of any size
    most_bytes : of storage that may be read for it, uncompressed; more if storage is cut so coarsely that this would
        be fewer than 16 layers
    """
    grid = chunk_grid(volume.data) or ChunkGrid((1, 1, max(1, _PAGE // volume.dtype.itemsize)))
    lengths = volume.shape_zyx
    spans = [_spans(grid, axis, lengths[axis]) for axis in (1, 2)]
    layers = grid.cuts(0, 0, lengths[0])
    cost = grid.sizes[0] * spans[0][1] * spans[1][1] * volume.dtype.itemsize  # bytes read for a patch of a layer
    n_columns = min(len(_PLACES), most_bytes // (len(layers) * cost))
    n_layers = len(layers)
    if n_columns < _FEWEST_COLUMNS:
        n_columns = _FEWEST_COLUMNS
        n_layers = min(n_layers, max(_FEWEST_LAYERS, most_bytes // (n_columns * cost)))
    chosen = np.linspace(0, len(layers) - 1, n_layers).round().astype(int)
    places = [
        (_patch(grid, volume, 1, down, spans[0]), _patch(grid, volume, 2, across, spans[1]))
        for down, across in _PLACES[:n_columns]
    ]
    return [
        [Box(*layers[i], rows[0], rows[1], columns[0], columns[1]) for rows, columns in places]
        for i in map(int, chosen)
    ]


def _spans(grid: ChunkGrid, axis: int, length: int) -> tuple[int, int]:
    """Return the side of a patch, and how much is read for it."""
    size = grid.sizes[axis]
    n = max(1, -(-_LEAST_SIDE // size))
    return min(n * size, _MOST_SIDE, length), min(n * size, length)


def _patch(grid: ChunkGrid, volume: Volume, axis: int, place: float, span: tuple[int, int]) -> tuple[int, int]:
    """Return where a patch lies along an axis, from the beginning of a chunk, or in the middle of a large one."""
    length, (side, read) = volume.shape_zyx[axis], span
    wish = int(place * (length - 1))
    low, high = next((low, high) for low, high in grid.cuts(axis, 0, length) if low <= wish < high)
    start = low + max(0, min(read, high - low) - side) // 2
    start = min(start, length - side)
    return start, start + side
