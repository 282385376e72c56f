"""Threads that turn what a generator yields, or a task reports, into Qt signals.

Not superqt's or napari's GeneratorWorker: it swallows RuntimeError, which is what torch raises, and does not close the
generator when asked to quit.  WorkerBase keeps a worker alive while it runs and lets napari wait for it at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any, Protocol

from napari.qt.threading import WorkerBase, WorkerBaseSignals
from qtpy.QtCore import QThreadPool, Signal

from napari_em_autoclass.core.events import CutRequest, Event, ViewRequest
from napari_em_autoclass.gui.memory import give_back_memory
from napari_em_autoclass.gui.priority import after_the_window

__all__ = ["Report", "Run", "TaskWorker", "TrainingWorker"]

Report = Callable[[float], None]
"""Takes the fraction done (0 to 1); raises when the task should end early."""


class Run(Protocol):
    """What the dock needs of a trainer."""

    run_id: str
    settings: Any
    view: ViewRequest | CutRequest | None
    is_paused: bool

    def stop(self) -> None:
        """Ask to end after this step."""

    def events(self) -> Generator[Event, None, None]:
        """Train, and say what happens."""


class _TrainingSignals(WorkerBaseSignals):  # type: ignore[misc]  # napari gives no types here
    opened = Signal(object)  # the trainer, once it is there
    event = Signal(object)


class _TaskSignals(WorkerBaseSignals):  # type: ignore[misc]
    progressed = Signal(float)
    cancelled = Signal()


class TrainingWorker(WorkerBase):  # type: ignore[misc]
    """Run a trainer in a thread.  It is opened there too, since that imports torch and measures the volume."""

    def __init__(self, open_run: Callable[[], Run]) -> None:
        super().__init__(SignalsClass=_TrainingSignals)
        self._open_run = open_run
        self._run_in_thread: Run | None = None

    def work(self) -> None:
        """Emit `opened` once, then `event` for each event; closing the generator runs the trainer's clean-up."""
        with _beside_the_pool():
            self._run_in_thread = run = self._open_run()
            if self.abort_requested:
                return
            self.opened.emit(run)
            with closing(run.events()) as events:
                for event in events:
                    if self.abort_requested:
                        return
                    self.event.emit(event)

    def quit(self) -> None:
        """End within a step, also while paused, when the trainer yields nothing that could be interrupted."""
        super().quit()
        run = self._run_in_thread
        if run is not None:
            # A training on a cluster may go on when the dock closes.
            getattr(run, "leave", run.stop)()


class TaskWorker(WorkerBase):  # type: ignore[misc]
    """Run ``task(report)`` in a thread; at `quit` the next `report` raises, and `cancelled` follows."""

    def __init__(self, task: Callable[[Report], Any]) -> None:
        super().__init__(SignalsClass=_TaskSignals)
        self._task = task

    def work(self) -> Any:
        """Return what the task returns."""
        try:
            with _beside_the_pool():
                return self._task(self._report)
        except _CancelledError:
            self.cancelled.emit()
            return None
        finally:
            give_back_memory()  # also of a training that has ended: what it learned is looked at by a task

    def drop(self) -> None:
        """End early and say nothing more: nobody waits for the result."""
        self.returned.disconnect()
        self.errored.disconnect()
        self.quit()

    def _report(self, fraction: float) -> None:
        if self.abort_requested:
            raise _CancelledError
        self.progressed.emit(fraction)


@contextmanager
def _beside_the_pool() -> Iterator[None]:
    """Let the pool start another thread meanwhile: it has one per core, and a training may take an hour."""
    pool = QThreadPool.globalInstance()
    assert pool is not None  # there is one as long as the program runs
    pool.releaseThread()
    try:
        with after_the_window():
            yield
    finally:
        pool.reserveThread()


class _CancelledError(Exception):
    """The user changed their mind."""
