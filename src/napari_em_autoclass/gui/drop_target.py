"""Files and folders dropped on a widget, wherever in it."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Signal
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QLineEdit, QWidget

__all__ = ["DropTarget"]


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


def _path_of(event: QDropEvent) -> str:
    data = event.mimeData()
    urls = data.urls() if data is not None else []
    return next((url.toLocalFile() for url in urls if url.isLocalFile()), "")
