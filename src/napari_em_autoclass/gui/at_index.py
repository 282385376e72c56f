"""A stack shown at one time point: an array with the leading axes of the layer it lies on, empty everywhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_em_autoclass.gui.live_map import LiveMap

__all__ = ["AtIndex", "placed"]


def placed(live: LiveMap, lengths: tuple[int, ...], leading: tuple[int, ...]) -> LiveMap | AtIndex:
    """Return what to give to napari, so that `live` (Z, Y, X) lies at `leading` of axes of `lengths` before it."""
    return AtIndex(live, lengths, leading) if lengths else live


class AtIndex:
    """A (..., Z, Y, X) uint8 array-like that is `live` at one index of the leading axes and 0 elsewhere.

    Parameters
    ----------
    live : the map of that index
    lengths : of the leading axes
    leading : the index
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, live: LiveMap, lengths: tuple[int, ...], leading: tuple[int, ...]) -> None:
        self.live, self._leading = live, leading
        self._nothing = LiveMap(live.shape)
        self.shape = (*lengths, *live.shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of voxels it stands for."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        """Return a block for a key of integers, slices and an ellipsis, as NumPy would."""
        keys = self._all_keys(key)
        n = len(self._leading)
        places = [range(length)[part] for length, part in zip(self.shape[:n], keys[:n], strict=True)]
        is_here = all(i == p if isinstance(p, int) else i in p for i, p in zip(self._leading, places, strict=True))
        found = (self.live if is_here else self._nothing)[tuple(keys[n:])]
        spans = [(i, p) for i, p in zip(self._leading, places, strict=True) if not isinstance(p, int)]
        if not spans:
            return found
        block = np.zeros((*(len(p) for _, p in spans), *np.shape(found)), np.uint8)
        if is_here:
            block[tuple(p.index(i) for i, p in spans)] = found
        return block

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all of it as one array; only ever asked for small stacks, or to save it."""
        block = np.zeros(self.shape, np.uint8)
        block[self._leading] = np.asarray(self.live)
        return block.astype(dtype) if dtype is not None else block

    def _all_keys(self, key: Any) -> list[Any]:
        keys = list(key) if isinstance(key, tuple) else [key]
        if any(part is Ellipsis for part in keys):
            at = next(i for i, part in enumerate(keys) if part is Ellipsis)
            keys[at : at + 1] = [slice(None)] * (self.ndim + 1 - len(keys))
        if len(keys) > self.ndim:
            raise IndexError(f"{key} has more than {self.ndim} axes")
        keys += [slice(None)] * (self.ndim - len(keys))
        return [part if isinstance(part, slice) else int(part) for part in keys]
