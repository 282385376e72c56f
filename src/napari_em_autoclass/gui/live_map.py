"""An array that looks like a whole volume and holds only the sections, and cuts across them, somebody looked at.

napari shows any array-like with ``shape``, ``dtype`` and slicing.  So a class map that is known section by section is a
layer from the first answer on, and its memory has an upper bound however large the stack.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.gui.live_cut import LiveCut

__all__ = ["MOST_IN_3D", "LiveMap", "added"]

_BUDGET_BYTES = 256 * 2**20  # 64 sections of 2048 x 2048
MOST_IN_3D = 2**26  # voxels; larger maps are not drawn in 3D


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a patch lies in its section, half-open."""

    y0: int
    y1: int
    x0: int
    x1: int

    def covers(self, other: _Frame) -> bool:
        return self.y0 <= other.y0 and self.y1 >= other.y1 and self.x0 <= other.x0 and self.x1 >= other.x1

    def overlap(self, other: _Frame) -> _Frame | None:
        y0, y1 = max(self.y0, other.y0), min(self.y1, other.y1)
        x0, x1 = max(self.x0, other.x0), min(self.x1, other.x1)
        return _Frame(y0, y1, x0, x1) if y0 < y1 and x0 < x1 else None

    def within(self, outer: _Frame) -> tuple[slice, slice]:
        """Return this frame as an index into an array that fills `outer`."""
        return slice(self.y0 - outer.y0, self.y1 - outer.y0), slice(self.x0 - outer.x0, self.x1 - outer.x0)


class LiveMap:
    """A (Z, Y, X) uint8 array-like, 0 wherever nothing was put; the least recently used patches are forgotten.

    A plane across the sections that is read whole, such as ``live[:, 7]``, also shows what was put of cuts; where a cut
    is not known yet it looks like its nearest known section.  Sections show patches alone.

    Parameters
    ----------
    shape_zyx : shape of the volume it stands for
    budget_bytes : at most this much is held (but always the newest patch)
    """

    dtype = np.dtype(np.uint8)
    ndim = 3

    def __init__(self, shape_zyx: tuple[int, int, int], budget_bytes: int = _BUDGET_BYTES) -> None:
        self.shape = shape_zyx
        self._budget = budget_bytes
        # Newest last, which is also the order of painting and of forgetting.
        self._patches: OrderedDict[tuple[int, _Frame], NDArray[np.uint8]] = OrderedDict()
        self._of_section: defaultdict[int, list[_Frame]] = defaultdict(list)  # the same keys, by section
        self._cuts: OrderedDict[Box, LiveCut] = OrderedDict()  # newest last
        self._held = 0
        self._cut_is_newer = False

    @property
    def size(self) -> int:
        """Number of voxels it stands for."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def held_bytes(self) -> int:
        """Bytes really held."""
        return self._held

    def put(self, z: int, corner_yx: tuple[int, int], patch: NDArray[np.uint8]) -> None:
        """Set a part of section `z`, `patch` (h, w) uint8 with its first pixel at `corner_yx`.

        Raises
        ------
        ValueError
            If the patch does not lie inside the volume.
        """
        y0, x0 = corner_yx
        frame = _Frame(y0, y0 + patch.shape[0], x0, x0 + patch.shape[1])
        if not (0 <= z < self.shape[0] and self._section_frame().covers(frame)):
            raise ValueError(f"a patch of {patch.shape} at {(z, y0, x0)} does not fit into a volume of {self.shape}")
        for covered in [held for held in self._of_section[z] if frame.covers(held)]:
            self._drop(z, covered)
        self._patches[z, frame] = patch
        self._of_section[z].append(frame)
        self._held += patch.nbytes
        self._cut_is_newer = False
        self._forget()

    def put_cut(
        self, bounds_z: tuple[int, int], sections: Sequence[int], corner_yx: tuple[int, int], strips: NDArray[np.uint8]
    ) -> None:
        """Set parts of a cut that reaches over the sections `bounds_z`: `strips` (n, h, w) uint8 of n `sections`.

        Raises
        ------
        ValueError
            If the cut does not lie inside the volume, or a section not inside the cut.
        """
        (z0, z1), (y0, x0) = bounds_z, corner_yx
        box = Box(z0, z1, y0, y0 + strips.shape[1], x0, x0 + strips.shape[2])
        if box.clipped((self.shape[0], self.shape[1], self.shape[2])) != box or not all(z0 <= z < z1 for z in sections):
            raise ValueError(f"strips of {strips.shape} at {(z0, y0, x0)} do not fit into a volume of {self.shape}")
        if box not in self._cuts:
            self._cuts[box] = LiveCut(box)
            self._held += self._cuts[box].nbytes
        self._cuts[box].put(sections, strips)
        self._cuts.move_to_end(box)
        self._cut_is_newer = True
        self._forget()

    def renumber(self, table: NDArray[np.uint8]) -> None:
        """Put ``table[i]`` for each `i`; `table` (256,)."""
        for key, patch in self._patches.items():
            self._patches[key] = table[patch]
        for cut in self._cuts.values():
            cut.renumber(table)

    def clear(self) -> None:
        """Forget everything."""
        self._patches.clear()
        self._of_section.clear()
        self._cuts.clear()
        self._held = 0

    def value(self, z: int, y: int, x: int) -> int:
        """Return the value of one voxel, 0 where it is not known: what only looks like its neighbour is not."""
        patch = int(self._read(z, _Frame(y, y + 1, x, x + 1))[0, 0])
        if patch and not self._cut_is_newer:
            return patch
        for cut in reversed(self._cuts.values()):
            found = cut.value(z, y, x) if cut.covers(y, x) else None
            if found:
                return found
        return patch

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        """Return a block for a key of integers, slices and an ellipsis, as NumPy would.

        All of a large map at once, which is what a 3D view asks for, is a single empty voxel instead.
        """
        keys = _three_keys(key)
        if self.size > MOST_IN_3D and all(part == slice(None) for part in keys):
            return np.zeros((1, 1, 1), np.uint8)
        return self._block(*keys)

    def _block(self, z_key: Any, *in_section: Any) -> Any:
        y, x = (range(length)[part] for length, part in zip(self.shape[1:], in_section, strict=True))
        rows, columns = _as_range(y), _as_range(x)
        frame = _Frame(*_bounds(rows), *_bounds(columns))
        inside = (_steps(y, frame.y0), _steps(x, frame.x0))
        sections = range(self.shape[0])[z_key]
        if isinstance(sections, int):
            if isinstance(y, int) and isinstance(x, int):
                return np.uint8(self.value(sections, y, x))
            return self._read(sections, frame)[inside]
        # napari asks for the row of a Labels layer by its number, for that of an Image layer by a slice of one.
        if min(len(rows), len(columns)) == 1 < len(sections) and sections.step == 1:
            return self._cut_through(sections, frame)[:, _steps(y, frame.y0), _steps(x, frame.x0)]
        block = np.zeros((len(sections), *(len(part) for part in (rows, columns))), np.uint8)
        flat = tuple(_steps(part, start) for part, start in ((rows, frame.y0), (columns, frame.x0)))
        for i, z in enumerate(sections):
            if self._of_section.get(z):
                block[i] = self._read(z, frame)[flat]
        return block[(slice(None), *(0 if isinstance(part, int) else slice(None) for part in (y, x)))]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all of it as one array; only ever asked for small volumes, or to save it."""
        return np.asarray(self._block(slice(None), slice(None), slice(None)), dtype=dtype)

    def _section_frame(self) -> _Frame:
        return _Frame(0, self.shape[1], 0, self.shape[2])

    def _cut_through(self, sections: range, frame: _Frame) -> NDArray[np.uint8]:
        block = np.zeros((len(sections), frame.y1 - frame.y0, frame.x1 - frame.x0), np.uint8)
        known = np.zeros(len(sections), bool)
        for z in [z for z, frames in self._of_section.items() if frames and z in sections]:
            block[z - sections.start] = self._read(z, frame)
            known[z - sections.start] = any(held.covers(frame) for held in self._of_section[z])
        for cut in self._cuts.values():
            cut.paint_on(block, (sections.start, frame.y0, frame.x0), known)
        return block

    def _forget(self) -> None:
        """Let go of what was not used for longest; of cuts, which are thick, only when they hold more than half."""
        while self._held > self._budget and len(self._patches) + len(self._cuts) > 1:
            cuts_hold = sum(cut.nbytes for cut in self._cuts.values())
            cuts_first = len(self._cuts) > 1 and (2 * cuts_hold > self._budget or len(self._patches) <= 1)
            if cuts_first or (not self._cut_is_newer and len(self._patches) <= 1):
                self._held -= self._cuts.popitem(last=False)[1].nbytes
            else:
                self._drop(*next(iter(self._patches)))

    def _drop(self, z: int, frame: _Frame) -> None:
        self._held -= self._patches.pop((z, frame)).nbytes
        self._of_section[z].remove(frame)

    def _read(self, z: int, frame: _Frame) -> NDArray[np.uint8]:
        # In the order of putting: what was read last need not be what was put last.
        found = [(z, held) for held in self._of_section.get(z, ()) if held.overlap(frame)]
        for key in found:
            self._patches.move_to_end(key)
        if found and found[-1][1] == frame:
            return self._patches[found[-1]]  # the usual case: no copy of a section that is there
        out = np.zeros((frame.y1 - frame.y0, frame.x1 - frame.x0), np.uint8)
        for key in found:
            common = key[1].overlap(frame)
            if common:
                out[common.within(frame)] = self._patches[key][common.within(key[1])]
        return out


def _three_keys(key: Any) -> list[Any]:
    parts = list(key) if isinstance(key, tuple) else [key]
    if Ellipsis in parts:
        at = parts.index(Ellipsis)
        parts[at : at + 1] = [slice(None)] * (4 - len(parts))
    parts += [slice(None)] * (3 - len(parts))
    if len(parts) != 3:
        raise IndexError(f"{key} has more than three axes")
    return [part if isinstance(part, slice) else int(part) for part in parts]


def _as_range(part: range | int) -> range:
    return part if isinstance(part, range) else range(part, part + 1)


def _bounds(part: range) -> tuple[int, int]:
    return (min(part[0], part[-1]), max(part[0], part[-1]) + 1) if len(part) else (0, 0)


def _steps(part: range | int, start: int) -> slice | int:
    """Return `part` as an index into an array that begins at `start`."""
    if isinstance(part, int):
        return part - start
    if not len(part):
        return slice(0, 0)
    stop = part[-1] - start + (1 if part.step > 0 else -1)
    return slice(part[0] - start, stop if stop >= 0 else None, part.step)


def added(probs: list[Any]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return the probability of a group: the sum of its members', rounded errors cut at 255."""
    if len(probs) == 1:
        return np.asarray(probs[0], np.uint8)
    return np.minimum(np.sum(probs, axis=0, dtype=np.uint16), 255).astype(np.uint8)
