"""A stack of any size that holds nothing, is cut into chunks, and counts what reading it costs."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_em_autoclass.core.chunk_grid import ChunkGrid


class CountingStack:
    """Grey values computed from the place; each read pays for all the chunks it touches, as storage does."""

    def __init__(
        self, shape: tuple[int, int, int], chunks: tuple[int, int, int], bad: set[tuple[int, ...]] = frozenset()
    ):
        self.shape, self.dtype = shape, np.dtype(np.uint8)
        self.chunk_grid = ChunkGrid(chunks)
        self.bad = set(bad)
        self.bytes_read = 0
        self.times_read: dict[tuple[int, ...], int] = {}

    def __getitem__(self, key: tuple[slice, slice, slice]) -> Any:
        touched = [range(s.start // c, -(-s.stop // c)) for s, c in zip(key, self.chunk_grid.sizes, strict=True)]
        for chunk in np.ndindex(*(len(axis) for axis in touched)):
            at = tuple(axis[i] for axis, i in zip(touched, chunk, strict=True))
            if at in self.bad:
                raise OSError(f"chunk {at} is damaged")
            self.times_read[at] = self.times_read.get(at, 0) + 1
            sizes = [min((i + 1) * c, n) - i * c for i, c, n in zip(at, self.chunk_grid.sizes, self.shape, strict=True)]
            self.bytes_read += int(np.prod(sizes))
        z, y, x = (np.arange(s.start, s.stop, dtype=np.uint32) for s in key)
        mixed = z[:, None, None] * 7919 + y[None, :, None] * 104_729 + x[None, None, :] * 1_299_709
        return ((mixed ^ (mixed >> 7)) % 251).astype(np.uint8)
