"""What a training said, kept where it runs until somebody fetches it."""

from __future__ import annotations

from bisect import bisect_right
from threading import Lock
from typing import Final

from napari_em_autoclass.core.events import (
    CheckpointSaved,
    CutTaken,
    Event,
    QualityMeasured,
    RunStarted,
    SnapshotTaken,
    StepDone,
)

__all__ = ["MOST_AT_ONCE", "EventBuffer"]

MOST_AT_ONCE: Final = 2000
"""Events fetched at once: a client that attaches late gets the curve in portions."""

# Some 30 MB of steps; a run of days goes on longer than anybody looks at single steps.
_MOST_STEPS: Final = 100_000
_MOST_OTHERS: Final = 10_000


class EventBuffer:
    """Numbers events and keeps those that are still of use to somebody who has not seen them.

    Steps are kept, all of them up to 100,000; beyond, every second one of the older half goes.  Of pictures and of
    checkpoints only the last is kept: whoever is slow sees fewer, and memory does not grow.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: dict[int, Event] = {}  # in order of their numbers
        self._last: dict[type[Event], int] = {}
        self._n_steps = 0
        self.newest = 0
        self.n_dropped_pictures = 0

    def put(self, event: Event) -> None:
        """Keep `event`."""
        with self._lock:
            self.newest += 1
            if isinstance(event, SnapshotTaken | CheckpointSaved):
                before = self._kept.pop(self._last.get(type(event), 0), None)
                self.n_dropped_pictures += isinstance(before, SnapshotTaken)
                self._last[type(event)] = self.newest
            if isinstance(event, CutTaken):
                self._drop_older_cuts(event)
            self._kept[self.newest] = event
            self._n_steps += isinstance(event, StepDone)
            if self._n_steps > _MOST_STEPS or len(self._kept) > _MOST_STEPS + _MOST_OTHERS:
                self._thin()

    def after(self, number: int) -> list[tuple[int, Event]]:
        """Return the events after `number`, the oldest first, at most `MOST_AT_ONCE`."""
        with self._lock:
            if number >= self.newest:
                return []
            numbers = list(self._kept)  # ascending
            start = bisect_right(numbers, number)
            return [(n, self._kept[n]) for n in numbers[start : start + MOST_AT_ONCE]]

    def _drop_older_cuts(self, cut: CutTaken) -> None:
        """Drop the strips of a cut that nobody looks at any more, or that have come anew."""
        for n, event in list(self._kept.items()):
            if isinstance(event, CutTaken) and (event.view != cut.view or set(event.sections) <= set(cut.sections)):
                del self._kept[n]

    def _thin(self) -> None:
        numbers = [n for n, event in self._kept.items() if not isinstance(event, RunStarted | SnapshotTaken)]
        older = [n for n in numbers[: len(numbers) // 2] if isinstance(self._kept[n], StepDone | QualityMeasured)]
        dropped = set(older[::2]) or set(numbers[: len(numbers) // 4])
        self._n_steps -= sum(isinstance(self._kept[n], StepDone) for n in dropped)
        self._kept = {n: event for n, event in self._kept.items() if n not in dropped}
