"""Answers views when no training runs: after the end of a run, and for runs opened again."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, Signal

from napari_em_autoclass.gui.gaze import Seen, View
from napari_em_autoclass.gui.worker import Report, TaskWorker

__all__ = ["Previewer"]


class Previewer(QObject):
    """Computes one view at a time in a thread; of the views asked for meanwhile only the newest is answered.

    It is answered piece by piece, until it is complete or another view is asked for.

    Parameters
    ----------
    classify : from a view to its class map, or to the next piece of it; called in another thread, never twice at once
    """

    answered = Signal(object)  # SnapshotTaken | CutTaken
    failed = Signal(object)  # Exception

    def __init__(self, classify: Callable[[View], Seen], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._classify = classify
        self._wanted: View | None = None
        self._worker: TaskWorker | None = None

    def ask(self, view: View) -> None:
        """Answer `view` as soon as possible, in place of an older one that was not begun."""
        self._wanted = view
        if self._worker is None:
            self._begin()

    def close(self) -> None:
        """Answer nothing any more."""
        self._wanted = None
        if self._worker is not None:
            self._worker.returned.disconnect(self._on_returned)
            self._worker.quit()

    def _begin(self) -> None:
        view, self._wanted = self._wanted, None
        if view is None:
            return
        classify = self._classify

        def answer(report: Report) -> Seen:
            return classify(view)

        self._worker = TaskWorker(answer)
        self._worker.returned.connect(self._on_returned)
        self._worker.errored.connect(self.failed)
        self._worker.finished.connect(self._on_finished)
        self._worker.start()

    def _on_returned(self, seen: Seen) -> None:
        if not seen.is_complete and self._wanted is None:
            self._wanted = seen.view
        self.answered.emit(seen)

    def _on_finished(self) -> None:
        self._worker = None
        self._begin()
