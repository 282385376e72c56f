"""Which block is to be made next: those of level 0 in order, a coarse one as soon as all that it shows is there."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from napari_em_autoclass.io.ledger import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari_em_autoclass.io.block_store import Level

__all__ = ["TaskFeed"]


class TaskFeed:
    """The blocks of a pyramid that are still to be made; a byte a block is all it holds.

    Parameters
    ----------
    levels : of the pyramid, the finest first
    made : blocks that are finished; a coarse one counts only if all that it shows is finished too
    prepare : called with each block before it is given
    """

    def __init__(
        self,
        levels: tuple[Level, ...],
        made: Iterable[Task] = (),
        prepare: Callable[[Task], None] = lambda task: None,
    ) -> None:
        self._levels, self._prepare = levels, prepare
        self._done = [bytearray(len(level.plan)) for level in levels]
        for task in made:
            if 0 <= task.level < len(levels) and 0 <= task.index < len(self._done[task.level]):
                self._done[task.level][task.index] = 1
        self._missing: dict[Task, int] = {}
        self._ready: deque[Task] = deque()
        self._next = 0
        self._catch_up()

    @property
    def n_blocks(self) -> int:
        """How many blocks level 0 has."""
        return len(self._done[0])

    @property
    def n_done(self) -> int:
        """How many blocks of level 0 are finished."""
        return self._done[0].count(1)

    @property
    def n_left(self) -> int:
        """How many blocks of all levels are not finished."""
        return sum(done.count(0) for done in self._done)

    def next(self) -> Task | None:
        """Return a block to make, each once; None while all that are left wait for others, or none is left."""
        task = self._chosen()
        if task is not None:
            self._prepare(task)
        return task

    def _chosen(self) -> Task | None:
        if self._ready:
            return self._ready.popleft()
        self._next = self._done[0].find(0, self._next)
        if self._next < 0:
            self._next = self.n_blocks
            return None
        self._next += 1
        return Task(0, self._next - 1)

    def finish(self, task: Task) -> None:
        """Take note that a block is made."""
        self._done[task.level][task.index] = 1
        parent = self._parent(task)
        if parent is None:
            return
        if parent not in self._missing:
            self._missing[parent] = self._n_missing(parent)
        else:
            self._missing[parent] -= 1
        if not self._missing[parent]:
            del self._missing[parent]
            self._ready.append(parent)

    def _parent(self, task: Task) -> Task | None:
        if task.level + 1 == len(self._levels):
            return None
        own, above = self._levels[task.level], self._levels[task.level + 1]
        return Task(task.level + 1, own.plan.parent(task.index, above.plan, above.factors))

    def _n_missing(self, task: Task) -> int:
        level, finer = self._levels[task.level], self._levels[task.level - 1]
        children = level.plan.children(task.index, finer.plan, level.factors)
        done = self._done[task.level - 1]
        return sum(not done[child] for child in children)

    def _catch_up(self) -> None:
        """Find the coarse blocks that can be made, and those that must be made anew."""
        for number in range(1, len(self._levels)):
            done = self._done[number]
            for index in range(len(done)):
                complete = not self._n_missing(Task(number, index))
                if complete and not done[index]:
                    self._ready.append(Task(number, index))
                done[index] = done[index] and complete
