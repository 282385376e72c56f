"""The columns of the list of classes, and the drawing of those that hold signs."""

from __future__ import annotations

from enum import IntEnum

from qtpy.QtCore import QModelIndex, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPixmap
from qtpy.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from napari_em_autoclass.gui.glyphs import draw_glyph

__all__ = ["ID_ROLE", "ROW_PX", "SORT_ROLE", "TITLES", "Column", "SignDelegate"]

SORT_ROLE = Qt.ItemDataRole.UserRole
ID_ROLE = Qt.ItemDataRole.UserRole + 1
ROW_PX = 24
_BAR_PX = 6


class Column(IntEnum):
    """What stands in which column."""

    EYE = 0
    COLOR = 1
    NAME = 2
    SHARE = 3
    SURE = 4
    PATCH = 5
    PROBABILITY = 6


TITLES = {
    Column.EYE: ("", "Show or hide the class; with Alt: show it alone"),
    Column.COLOR: ("", "Colour: click to change"),
    Column.NAME: ("Class", "Name: double-click to change. ▸ unfolds the classes of a group."),
    Column.SHARE: ("Share", "Share of the pixels seen in training"),
    Column.SURE: ("Sure", "How sure the classes are told apart there (low entropy); known when the run has ended"),
    Column.PATCH: ("", "A typical place; known when the run has ended"),
    Column.PROBABILITY: ("p", "Show how probable the class is at each pixel, as a layer"),
}


class SignDelegate(QStyledItemDelegate):
    """Draws eyes, swatches, bars, patches and probability signs."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        """Return the size of every cell: rows are alike."""
        return QSize(ROW_PX, ROW_PX)

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw one cell."""
        if painter is None:
            return
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, option.palette.highlight())
        rect, column = QRectF(option.rect), Column(index.column())
        if column is Column.COLOR:
            _swatch(painter, rect, index.data(Qt.ItemDataRole.BackgroundRole))
        elif column is Column.SURE:
            _bar(painter, rect, index.data(), option.palette.text().color())
        elif column is Column.PATCH:
            _patch(painter, rect, index.data(Qt.ItemDataRole.DecorationRole))
        else:
            _sign(painter, rect, column, index.data(Qt.ItemDataRole.CheckStateRole), option.palette.text().color())


def _swatch(painter: QPainter, rect: QRectF, color: QColor) -> None:
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawRoundedRect(QRectF(rect.center().x() - 6, rect.center().y() - 6, 13, 13), 3, 3)
    painter.restore()


def _bar(painter: QPainter, rect: QRectF, part: float | None, color: QColor) -> None:
    if part is None:
        return
    room = QRectF(rect.left() + 3, rect.center().y() - _BAR_PX / 2, rect.width() - 6, _BAR_PX)
    faint, full = QColor(color), QColor(color)
    faint.setAlphaF(0.15)
    full.setAlphaF(0.6)
    painter.fillRect(room, faint)
    painter.fillRect(QRectF(room.left(), room.top(), room.width() * part, room.height()), full)


def _patch(painter: QPainter, rect: QRectF, patch: QPixmap | None) -> None:
    if patch is not None:
        side = min(rect.width(), rect.height()) - 2
        painter.drawPixmap(
            QRectF(rect.center().x() - side / 2, rect.center().y() - side / 2, side, side), patch, QRectF(patch.rect())
        )


def _sign(painter: QPainter, rect: QRectF, column: Column, state: Qt.CheckState | None, color: QColor) -> None:
    if state is None:
        return
    on = state == Qt.CheckState.Checked
    color = QColor(color)
    color.setAlphaF(1.0 if on else 0.35)
    name = ("eye" if on else "shut") if column is Column.EYE else "probability"
    draw_glyph(painter, name, rect, color, filled=on and column is Column.PROBABILITY)
