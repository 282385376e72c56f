"""Drag and drop without a mouse; on the path of the tests (pyproject.toml)."""

from __future__ import annotations

from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QWidget


def drop(widget: QWidget, *urls: str) -> bool:
    """Drag and drop like the window system does; return whether the drag was taken."""
    data = QMimeData()
    data.setUrls([QUrl(url) for url in urls])
    button, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, data, button, keys)
    enter.ignore()
    QApplication.sendEvent(widget, enter)
    if enter.isAccepted():
        QApplication.sendEvent(widget, QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, button, keys))
    return enter.isAccepted()
