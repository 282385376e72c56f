"""For those without a mouse: where the focus is can be seen, and Tab goes on where the eye does."""

from __future__ import annotations

from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject, QRectF, Qt
from qtpy.QtGui import QColor, QGuiApplication, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QApplication, QWidget

from napari_em_autoclass.gui.glyphs import ACCENT

__all__ = ["FocusFrame", "tab_on_to"]

_AROUND_PX = 2
_MOVED = (QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.Show)


def tab_on_to(inside: QWidget) -> None:
    """Let Tab reach what is in `inside`, which was added late, after what comes before its parent."""
    parent = inside.parentWidget()
    # Lists that unfold from a box are windows of their own.
    within = [w for w in inside.findChildren(QWidget) if _takes_tab(w) and w.window() is inside.window()]
    before = parent.previousInFocusChain() if parent is not None else None
    while before is not None and before is not parent and not _takes_tab(before):
        before = before.previousInFocusChain()
    if before is None or before is parent:
        return
    for widget in within:
        QWidget.setTabOrder(before, widget)
        before = widget


def _takes_tab(widget: QWidget) -> bool:
    return bool(widget.focusPolicy().value & Qt.FocusPolicy.TabFocus.value) and widget.focusProxy() is None


class FocusFrame(QObject):
    """Draws a frame around whatever has the focus inside `area`, once Tab or a shortcut has moved it.

    napari's style shows the focus of a few kinds of widgets only; a frame of its own shifts nothing.
    """

    def __init__(self, area: QWidget) -> None:
        super().__init__(area)
        self._area = area
        self.frame: QWidget | None = None
        self._around: QWidget | None = None
        app = QGuiApplication.instance()
        assert isinstance(app, QApplication)  # there are widgets
        self._app = app
        app.focusChanged.connect(self._on_focus)

    def close_down(self) -> None:
        """Draw nothing any more."""
        self._app.focusChanged.disconnect(self._on_focus)
        self._let_go()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Follow the widget that has the focus."""
        if event is not None and watched is self._around and event.type() in _MOVED:
            self._place()
        return False

    def _on_focus(self, _: QWidget | None, now: QWidget | None) -> None:
        self._let_go()
        by_key = self._area.window().testAttribute(Qt.WidgetAttribute.WA_KeyboardFocusChange)
        if now is None or not by_key or not self._area.isAncestorOf(now):
            return
        self._around = now
        self.frame = _Frame(now.parentWidget())
        now.installEventFilter(self)
        self._place()
        self.frame.show()

    def _place(self) -> None:
        if self.frame is not None and self._around is not None:
            self.frame.setGeometry(self._around.geometry().adjusted(-_AROUND_PX, -_AROUND_PX, _AROUND_PX, _AROUND_PX))
            self.frame.raise_()

    def _let_go(self) -> None:
        frame, around = self.frame, self._around
        self.frame = self._around = None
        if around is not None and isalive(around):  # type: ignore[no-untyped-call]
            around.removeEventFilter(self)
        # It goes with the widget that it was around.
        if frame is not None and isalive(frame):  # type: ignore[no-untyped-call]
            frame.hide()
            frame.deleteLater()


class _Frame(QWidget):
    """A line around the widget below it, through which the mouse goes."""

    def __init__(self, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the line."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(ACCENT), _AROUND_PX))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 3, 3)
        painter.end()
