"""Lazy (Z, Y, X) arrays made of sections, and the indexing that all lazy arrays here share."""

from __future__ import annotations

import operator
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_em_autoclass.core.chunk_grid import ChunkGrid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["SectionStack", "plain_slices"]

_CACHE_BYTES = 256 * 2**20


class SectionStack:
    """A lazy stack whose sections are decoded one by one; the last ones stay in memory.

    A block of the volume spans several sections and only a part of each, and neighbouring blocks need the same
    sections again: without the cache each would be decoded once a block.

    Parameters
    ----------
    shape : (Z, Y, X)
    dtype : of the sections
    read_section : gives section z, shape (Y, X); may be called from several threads
    cache_bytes : most memory for decoded sections; one section is always kept
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        dtype: Any,
        read_section: Callable[[int], np.ndarray[Any, Any]],
        cache_bytes: int = _CACHE_BYTES,
    ) -> None:
        self.shape: tuple[int, ...] = shape
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.ndim = 3
        self.chunk_grid = ChunkGrid((1, shape[1], shape[2]))  # whoever wants a pixel pays for its section
        self._read_section = read_section
        section_bytes = max(1, shape[1] * shape[2] * self.dtype.itemsize)
        self._n_kept = max(1, cache_bytes // section_bytes)
        self._kept: OrderedDict[int, np.ndarray[Any, Any]] = OrderedDict()
        self._lock = Lock()

    def __getitem__(self, key: Any) -> np.ndarray[Any, Any]:
        """Return the block at `key`, integers and slices; only the sections it touches are decoded."""
        (zs, ys, xs), dropped = plain_slices(key, self.shape)
        sections = [self._section(z)[ys, xs] for z in range(zs.start, zs.stop)]
        y, x = (len(range(*s.indices(n))) for s, n in zip((ys, xs), self.shape[1:], strict=True))
        block = np.stack(sections) if sections else np.empty((0, y, x), self.dtype)  # (z, y, x)
        return block.squeeze(dropped) if dropped else block

    def _section(self, z: int) -> np.ndarray[Any, Any]:
        with self._lock:
            if z in self._kept:
                self._kept.move_to_end(z)
                return self._kept[z]
        # Decoded outside the lock, so that threads don't wait for each other; at worst two decode the same section.
        section = self._read_section(z)
        if section.shape != self.shape[1:]:
            raise ValueError(f"section {z} has shape {section.shape}, not {self.shape[1:]}")
        section = section.astype(self.dtype, copy=False)
        with self._lock:
            self._kept[z] = section
            while len(self._kept) > self._n_kept:
                self._kept.popitem(last=False)
        return section


def plain_slices(key: Any, shape: Sequence[int]) -> tuple[tuple[slice, ...], tuple[int, ...]]:
    """Return an index of integers, unit-step slices and an ellipsis as one slice an axis, and the axes to drop.

    Raises
    ------
    IndexError
        If the index has another form or is out of range.
    """
    parts = list(key) if isinstance(key, tuple) else [key]
    if Ellipsis in parts:
        at = parts.index(Ellipsis)
        parts[at : at + 1] = [slice(None)] * (len(shape) - len(parts) + 1)
    parts += [slice(None)] * (len(shape) - len(parts))
    if len(parts) != len(shape):
        raise IndexError(f"{len(parts)} indices for {len(shape)} axes")
    slices, dropped = [], []
    for axis, (part, length) in enumerate(zip(parts, shape, strict=True)):
        if isinstance(part, slice):
            start, stop, step = part.indices(length)
            if step != 1:
                raise IndexError("lazy stacks take slices of step 1 only")
            slices.append(slice(start, max(start, stop)))
            continue
        index = operator.index(part)
        if not -length <= index < length:
            raise IndexError(f"index {index} is outside axis {axis} of length {length}")
        slices.append(slice(index % length, index % length + 1))
        dropped.append(axis)
    return tuple(slices), tuple(dropped)
