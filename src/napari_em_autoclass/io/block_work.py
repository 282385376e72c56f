"""One block after the other: what a process does with the tasks it is given, itself or for a cluster."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io.ledger import LEDGER_NAME, Entry, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from napari_em_autoclass.core.predict import Predictor
    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.io.block_store import BlockStore
    from napari_em_autoclass.io.block_tasks import TaskFeed

__all__ = ["BlockJob", "BlockWorker", "Executor", "InThisProcess", "joined"]


@dataclass(frozen=True)
class BlockJob:
    """What is to be predicted and where it goes: enough to make any block of it.

    Parameters
    ----------
    predictor : of the blocks
    store : where they go
    lookup : id -> id to write, uint8 (highest id + 1,); None writes them as they are
    skip_unreadable : whether what can't be read is left 0
    """

    predictor: Predictor
    store: BlockStore
    lookup: NDArray[np.uint8] | None = None
    skip_unreadable: bool = False

    @property
    def volume(self) -> Volume:
        """The stack."""
        return self.predictor.working.volume

    def on(self, volume: Volume) -> BlockJob:
        """Return the same job with the stack as another process opened it."""
        working = replace(self.predictor.working, volume=volume)
        return replace(self, predictor=replace(self.predictor, working=working))


class Executor(Protocol):
    """What makes the blocks of a job, here or elsewhere."""

    def __call__(self, job: BlockJob, feed: TaskFeed) -> Iterator[Entry]:
        """Yield the blocks that `feed` gives, as they are finished; the caller tells `feed` of each."""


class BlockWorker:
    """Makes blocks of one job; holds its model once. May be used by several threads."""

    def __init__(self, job: BlockJob, between: Callable[[], None] | None = None) -> None:
        self._job, self._between = job, between

    def make(self, task: Task) -> Entry:
        """Make a block and return what the ledger must know of it; on return it is on the disk.

        Raises
        ------
        InputError
            If the stack can't be read there, or the output is gone.
        """
        job, skip = self._job, self._job.skip_unreadable
        if task.level:
            self._still_wanted()
            return Entry(task, job.store.build(task))
        block = job.predictor.block(task.index, skip_unreadable=skip, between=self._between)
        classes = block.classes if job.lookup is None else job.lookup[block.classes]
        self._still_wanted()
        return Entry(task, job.store.write(task.index, classes, block.probs), joined(block.unreadable))

    def _still_wanted(self) -> None:
        """Refuse to write where no output is growing (any more): Zarr would make the folders that are missing."""
        folder = self._job.store.classes.parent
        if not (folder / LEDGER_NAME).is_file():
            raise InputError(
                f"{folder} is not there: this job has ended, or the folder of the output is not shared by all workers"
            )


class InThisProcess:
    """Makes the blocks one after the other, here; `between` is called before each tile and may raise to end early."""

    def __init__(self, between: Callable[[], None] | None = None) -> None:
        self._between = between

    def __call__(self, job: BlockJob, feed: TaskFeed) -> Iterator[Entry]:
        """Yield the blocks that `feed` gives, as they are finished."""
        worker = BlockWorker(job, self._between)
        while (task := feed.next()) is not None:
            if self._between is not None:
                self._between()
            yield worker.make(task)


def joined(found: tuple[Box, ...]) -> tuple[Box, ...]:
    """Return the same voxels in fewer boxes: those of neighbouring sections are joined."""
    joined: list[Box] = []
    for box in sorted(found, key=_place):
        last = joined[-1] if joined else None
        if last is not None and (last.z1, last.slices[1:]) == (box.z0, box.slices[1:]):
            joined[-1] = Box(last.z0, box.z1, last.y0, last.y1, last.x0, last.x1)
        else:
            joined.append(box)
    return tuple(joined)


def _place(box: Box) -> tuple[Any, ...]:
    return box.y0, box.x0, box.z0
