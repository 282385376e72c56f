"""How the class map of a section came about: snapshots over time, a slider back through them, one to keep by name."""

from __future__ import annotations

from collections.abc import Iterator

from napari_em_autoclass.core.events import SnapshotTaken, ViewRequest

__all__ = ["MapHistory"]

_MOST = 60
_BUDGET_BYTES = 128 * 2**20


class MapHistory:
    """The snapshots of one view, thinned out evenly over the steps when they become too many.

    Parameters
    ----------
    most : snapshots kept at most
    budget_bytes : and so many bytes, but always the first and the newest
    """

    def __init__(self, most: int = _MOST, budget_bytes: int = _BUDGET_BYTES) -> None:
        self._most, self._budget = max(most, 2), budget_bytes
        self._taken: list[SnapshotTaken] = []

    def __len__(self) -> int:
        return len(self._taken)

    def __getitem__(self, index: int) -> SnapshotTaken:
        return self._taken[index]

    def __iter__(self) -> Iterator[SnapshotTaken]:
        return iter(self._taken)

    @property
    def held_bytes(self) -> int:
        """Bytes of the maps held."""
        return sum(snapshot.classes.nbytes for snapshot in self._taken)

    def clear(self) -> None:
        """Forget everything."""
        self._taken.clear()

    def add(self, snapshot: SnapshotTaken) -> None:
        """Add the newest map; one of another place in the stack begins anew."""
        if self._taken and _place(self._taken[-1].view) != _place(snapshot.view):
            self._taken.clear()
        if self._taken and self._taken[-1].step == snapshot.step:
            self._taken.pop()  # the same map, asked for again
        self._taken.append(snapshot)
        while len(self._taken) > 2 and (len(self._taken) > self._most or self.held_bytes > self._budget):
            self._taken.pop(self._densest())

    def _densest(self) -> int:
        """Return which snapshot but the first and the last leaves the smallest gap when it goes."""
        steps = [snapshot.step for snapshot in self._taken]
        # Relative to the step: the map changes most at first.
        return min(range(1, len(steps) - 1), key=lambda i: (steps[i + 1] - steps[i - 1]) / (1 + steps[i]))


def _place(view: ViewRequest) -> tuple[int, ...]:
    return view.z, view.y0, view.y1, view.x0, view.x1
