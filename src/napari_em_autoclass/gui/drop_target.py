"""Files and folders dropped on a widget, wherever in it, and runs dropped on the picture."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QEvent, QObject, Signal
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QLineEdit, QMainWindow, QWidget

__all__ = ["DropTarget", "RunDrops", "is_run"]


def is_run(path: str) -> bool:
    """Return whether `path` is the folder of a run."""
    return (Path(path) / "run.json").is_file()


class DropTarget(QObject):
    """Says by `dropped` which path was let fall on `widget`; of several the first."""

    dropped = Signal(str)

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        widget.setAcceptDrops(True)
        for field in widget.findChildren(QLineEdit):
            field.setAcceptDrops(False)  # it would take the path as text
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Take drags that carry a file of this machine."""
        if isinstance(event, QDropEvent) and event.type() in (QEvent.Type.DragEnter, QEvent.Type.Drop):
            path = _path_of(event)
            if path:
                event.acceptProposedAction()
                if event.type() == QEvent.Type.Drop:
                    self.dropped.emit(path)
                return True
        return super().eventFilter(watched, event)


class RunDrops(QObject):
    """Says by `dropped` which run was let fall on the middle of the window that `dock` is in; all else goes past.

    napari opens folders itself too, and no manifest keeps it from asking which of its readers to take.
    """

    dropped = Signal(str)

    def __init__(self, dock: QWidget) -> None:
        super().__init__(dock)
        self._dock = dock
        self._watched: list[QWidget] = []
        dock.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Find the window once the dock shows in it, and take the runs that are dropped there."""
        if watched is self._dock:
            if event is not None and event.type() == QEvent.Type.Show:
                self._watch()
        elif isinstance(event, QDropEvent) and event.type() == QEvent.Type.Drop and is_run(path := _path_of(event)):
            event.acceptProposedAction()
            self.dropped.emit(path)
            return True
        return super().eventFilter(watched, event)

    def close_down(self) -> None:
        """Let napari have the drops again."""
        for widget in (self._dock, *self._watched):
            widget.removeEventFilter(self)
        self._watched = []

    def _watch(self) -> None:
        window = self._dock.window()
        middle = window.centralWidget() if isinstance(window, QMainWindow) else None
        if middle is None:
            return
        takers = [widget for widget in (middle, *middle.findChildren(QWidget)) if widget.acceptDrops()]
        for widget in takers:
            if widget not in self._watched and not isinstance(widget, QLineEdit):
                widget.installEventFilter(self)
                self._watched.append(widget)


def _path_of(event: QDropEvent) -> str:
    data = event.mimeData()
    urls = data.urls() if data is not None else []
    return next((url.toLocalFile() for url in urls if url.isLocalFile()), "")
