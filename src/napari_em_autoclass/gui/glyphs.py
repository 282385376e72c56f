"""Small drawn signs: no font or icon file that a machine may lack, and in the colour of the theme's text."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap, QPolygonF
from qtpy.QtWidgets import QToolButton, QWidget

__all__ = ["ACCENT", "AMBER", "GREEN", "GREY", "RED", "GlyphButton", "draw_glyph", "glyph_icon"]

ACCENT, GREEN, AMBER, RED, GREY = "#2f7fd6", "#3fb950", "#e3a117", "#e5484d", "#8b8f98"


def _play(path: QPainterPath) -> None:
    path.addPolygon(QPolygonF([QPointF(4, 2.5), QPointF(13.5, 8), QPointF(4, 13.5)]))
    path.closeSubpath()


def _pause(path: QPainterPath) -> None:
    path.addRect(QRectF(3.5, 3, 3, 10))
    path.addRect(QRectF(9.5, 3, 3, 10))


def _stop(path: QPainterPath) -> None:
    path.addRect(QRectF(3.5, 3.5, 9, 9))


def _folded(path: QPainterPath) -> None:
    path.addPolygon(QPolygonF([QPointF(5, 2.5), QPointF(12, 8), QPointF(5, 13.5)]))
    path.closeSubpath()


def _unfolded(path: QPainterPath) -> None:
    path.addPolygon(QPolygonF([QPointF(2.5, 5), QPointF(13.5, 5), QPointF(8, 12)]))
    path.closeSubpath()


def _eye(path: QPainterPath) -> None:
    path.moveTo(1, 8)
    path.quadTo(8, 0.5, 15, 8)
    path.quadTo(8, 15.5, 1, 8)
    path.addEllipse(QPointF(8, 8), 2.2, 2.2)


def _shut(path: QPainterPath) -> None:
    path.moveTo(1.5, 7)
    path.quadTo(8, 13.5, 14.5, 7)
    for x, y, to_x, to_y in ((8, 10.3, 8, 13), (4.2, 9.2, 2.8, 11.6), (11.8, 9.2, 13.2, 11.6)):
        path.moveTo(x, y)
        path.lineTo(to_x, to_y)


def _undo(path: QPainterPath) -> None:
    path.moveTo(3, 6.5)
    path.lineTo(10, 6.5)
    path.cubicTo(15, 6.5, 15, 13, 10, 13)
    path.lineTo(6, 13)
    path.moveTo(6.5, 3)
    path.lineTo(3, 6.5)
    path.lineTo(6.5, 10)


def _redo(path: QPainterPath) -> None:
    path.moveTo(13, 6.5)
    path.lineTo(6, 6.5)
    path.cubicTo(1, 6.5, 1, 13, 6, 13)
    path.lineTo(10, 13)
    path.moveTo(9.5, 3)
    path.lineTo(13, 6.5)
    path.lineTo(9.5, 10)


def _probability(path: QPainterPath) -> None:
    path.moveTo(1.5, 13)
    path.cubicTo(6, 13, 5.5, 3, 8, 3)
    path.cubicTo(10.5, 3, 10, 13, 14.5, 13)
    path.closeSubpath()


def _lock(path: QPainterPath) -> None:
    path.addRect(QRectF(3.5, 7, 9, 7))
    path.moveTo(5.5, 7)
    path.cubicTo(5.5, 1, 10.5, 1, 10.5, 7)


_FILLED: dict[str, Callable[[QPainterPath], None]] = {
    "play": _play,
    "pause": _pause,
    "stop": _stop,
    "folded": _folded,
    "unfolded": _unfolded,
}
_DRAWN: dict[str, Callable[[QPainterPath], None]] = {
    "eye": _eye,
    "shut": _shut,
    "undo": _undo,
    "redo": _redo,
    "probability": _probability,
    "lock": _lock,
}


def draw_glyph(painter: QPainter, name: str, rect: QRectF, color: QColor, filled: bool = False) -> None:
    """Draw the sign `name` into the middle of `rect`, 16 px large at most."""
    path = QPainterPath()
    (_FILLED.get(name) or _DRAWN[name])(path)
    side = min(rect.width(), rect.height(), 16.0)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(rect.center().x() - side / 2, rect.center().y() - side / 2)
    painter.scale(side / 16, side / 16)
    if name in _FILLED or filled:
        painter.fillPath(path, color)
    else:
        painter.setPen(QPen(color, 1.4))
        painter.drawPath(path)
    painter.restore()


def glyph_icon(name: str, color: QColor) -> QIcon:
    """Return the sign as an icon in one colour, faint when disabled."""
    icon = QIcon()
    faint = QColor(color)
    faint.setAlphaF(0.3)
    for mode, shade in ((QIcon.Mode.Normal, color), (QIcon.Mode.Disabled, faint)):
        pixmap = QPixmap(32, 32)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.scale(2, 2)
        draw_glyph(painter, name, QRectF(0, 0, 16, 16), shade)
        painter.end()
        icon.addPixmap(pixmap, mode)
    return icon


class GlyphButton(QToolButton):
    """A button with a sign, with or without words, that follows the theme."""

    def __init__(self, name: str, tooltip: str, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self.setToolTip(tooltip)
        self.setAccessibleName(text or tooltip)
        self.setIconSize(QSize(14, 14))
        if text:
            self.setText(text)
            self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._redraw()

    def set_glyph(self, name: str, tooltip: str, text: str = "") -> None:
        """Show another sign, tooltip and word."""
        self._name = name
        self.setToolTip(tooltip)
        self.setText(text)
        self._redraw()

    def changeEvent(self, event: QEvent | None) -> None:
        """Follow a change of theme."""
        super().changeEvent(event)
        if event is not None and event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._redraw()

    def _redraw(self) -> None:
        color = QColor("white") if self.property("prominent") else QColor(self.palette().buttonText().color())
        color.setAlpha(255)  # napari's theme gives a faint colour while the button is disabled; the icon knows itself
        self.setIcon(glyph_icon(self._name, color))
