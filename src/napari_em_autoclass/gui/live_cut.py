"""A plane across the sections that becomes known section by section."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_em_autoclass.core.volume import Box

__all__ = ["LiveCut"]


class LiveCut:
    """Some rows, or some columns, of every section in `box`; what is not known yet looks like the nearest that is.

    Parameters
    ----------
    box : where it lies, voxels
    """

    def __init__(self, box: Box) -> None:
        self.box = box
        self._values = np.zeros(box.shape, np.uint8)
        self._known = np.zeros(box.shape[0], bool)
        self._nearest = np.zeros(box.shape[0], np.intp)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self._values.nbytes

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which sections of the box are known, (n,)."""
        return self._known

    def put(self, sections: Sequence[int], strips: NDArray[np.uint8]) -> None:
        """Set `strips` (n, h, w) of `sections`, each as large as the box."""
        places = np.asarray(sections) - self.box.z0
        self._values[places] = strips
        self._known[places] = True
        self._nearest = _nearest(self._known)

    def renumber(self, table: NDArray[np.uint8]) -> None:
        """Put ``table[i]`` for each `i`; `table` (256,)."""
        self._values = table[self._values]

    def covers(self, y: int, x: int) -> bool:
        """Whether this row and column of a section lie in it."""
        return self.box.y0 <= y < self.box.y1 and self.box.x0 <= x < self.box.x1

    def value(self, z: int, y: int, x: int) -> int | None:
        """Return the value of a voxel in the box, None where its section is not known."""
        i = z - self.box.z0
        if not 0 <= i < len(self._known) or not self._known[i]:
            return None
        return int(self._values[i, y - self.box.y0, x - self.box.x0])

    def paint_on(self, block: NDArray[np.uint8], corner: tuple[int, int, int], known: NDArray[np.bool_]) -> None:
        """Paint what lies inside `block` (n, h, w), which begins at `corner`, over it.

        Of the sections not known here those are left that are `known` (n,) there.
        """
        starts = [max(own, other) for own, other in zip((self.box.z0, self.box.y0, self.box.x0), corner, strict=True)]
        ends = [
            min(own, other + n)
            for own, other, n in zip((self.box.z1, self.box.y1, self.box.x1), corner, block.shape, strict=True)
        ]
        if not self._known.any() or any(end <= start for start, end in zip(starts, ends, strict=True)):
            return
        z, y, x = (slice(start - at, end - at) for start, end, at in zip(starts, ends, corner, strict=True))
        own_y, own_x = (
            slice(starts[1] - self.box.y0, ends[1] - self.box.y0),
            slice(starts[2] - self.box.x0, ends[2] - self.box.x0),
        )
        own_z = np.arange(starts[0] - self.box.z0, ends[0] - self.box.z0)
        wanted = self._known[own_z] | ~known[z]
        block[np.flatnonzero(wanted) + z.start, y, x] = self._values[self._nearest[own_z[wanted]], own_y, own_x]


def _nearest(known: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return for each place the nearest known one."""
    places = np.flatnonzero(known)
    at = np.arange(len(known))
    right = np.searchsorted(places, at).clip(0, len(places) - 1)
    left = (right - 1).clip(0)
    nearest: NDArray[np.intp] = np.where(places[right] - at > at - places[left], places[left], places[right])
    # Before the first known place and after the last there is one neighbour only.
    nearest[at <= places[0]], nearest[at >= places[-1]] = places[0], places[-1]
    return nearest
