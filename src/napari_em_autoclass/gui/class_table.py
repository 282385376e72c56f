"""The classes as a table: a Qt model over a ClassMap, and how its cells look.

A model and not a widget per row, so that 254 classes are as quick as 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.class_statistics import ClassStatistics
from napari_em_autoclass.gui.class_look import ClassLook, changed, looks_of, moves
from napari_em_autoclass.gui.glyphs import GREY, draw_glyph, glyph_icon

__all__ = ["ClassTable", "Column", "SignDelegate"]

SORT_ROLE = Qt.ItemDataRole.UserRole
ID_ROLE = Qt.ItemDataRole.UserRole + 1


_MOST_MOVES = 40  # runs of rows that come or go one by one; past that a fresh list is quicker


class Column(IntEnum):
    """What stands in which column."""

    EYE = 0
    COLOR = 1
    NAME = 2
    SHARE = 3
    VOLUME = 4
    PROBABILITY = 5


_TITLES = {
    Column.EYE: ("", "Show or hide the class"),
    Column.COLOR: ("", "Colour: click to change"),
    Column.NAME: ("Class", "Name: double-click to change"),
    Column.SHARE: ("Share", "Share of the pixels seen in training"),
    Column.VOLUME: ("µm³", "Volume in the whole stack, estimated from some places; known when the run has ended"),
    Column.PROBABILITY: ("p", "Show how probable the class is at each pixel, as a layer"),
}


class ClassTable(QAbstractTableModel):
    """One row per class or group of `class_map`; an edited name is only announced, by `renamed`."""

    renamed = Signal(int, str)  # shown id, name

    def __init__(self) -> None:
        super().__init__()
        self._class_map: ClassMap | None = None
        self._looks: dict[int, ClassLook] = {}  # by shown id, in the order of the rows
        self._rows: tuple[int, ...] = ()
        self._shares: tuple[float, ...] = ()
        self._volumes: dict[int, float] | None = None  # worked out when first asked for
        self._with_probability: frozenset[int] = frozenset()
        self._statistics: ClassStatistics | None = None

    def set_class_map(self, class_map: ClassMap) -> None:
        """Show other decisions; only what looks otherwise is drawn anew, and the list stays where it is scrolled to."""
        looks, before = looks_of(class_map), self._looks
        come_and_go = moves(self._rows, tuple(looks))
        if come_and_go is None or sum(map(len, come_and_go)) > _MOST_MOVES:
            self.beginResetModel()
            self._take(class_map, looks)
            self.endResetModel()
            return
        gone, come = come_and_go
        for run in reversed(gone):
            self.beginRemoveRows(QModelIndex(), run.start, run.stop - 1)
            self._rows = self._rows[: run.start] + self._rows[run.stop :]
            self.endRemoveRows()
        rows = tuple(looks)
        # Rows still to come are in the looks already, and none that is listed has gone from them.
        self._class_map, self._looks, self._volumes = class_map, looks, None
        for run in come:
            self.beginInsertRows(QModelIndex(), run.start, run.stop - 1)
            self._rows = self._rows[: run.start] + rows[run.start : run.stop] + self._rows[run.start :]
            self.endInsertRows()
        for run in changed(before, looks):
            self.dataChanged.emit(self.index(run.start, 0), self.index(run.stop - 1, len(Column) - 1))

    def set_shares(self, shares: Sequence[float]) -> None:
        """Show other shares, one per class (K), or one per id up to the highest part."""
        self._shares = tuple(shares)
        if self._rows:
            self.dataChanged.emit(self.index(0, Column.SHARE), self.index(len(self._rows) - 1, Column.SHARE))

    def set_statistics(self, statistics: ClassStatistics | None) -> None:
        """Show the volumes of the classes; None forgets them."""
        self._statistics, self._volumes = statistics, None
        self._all_changed()

    def volume_of(self, shown_id: int) -> float | None:
        """Return the volume of a row in µm³, None where it isn't known."""
        known = self._statistics
        if known is None or self._class_map is None or self._class_map.ids[-1] >= len(known.voxels):
            return None
        if self._volumes is None:
            self._volumes = {row: known.volume_um3(look.members) for row, look in self._looks.items()}
        return self._volumes.get(shown_id)

    def set_with_probability(self, shown_ids: frozenset[int]) -> None:
        """Say which rows have a probability layer."""
        if shown_ids != self._with_probability:
            self._with_probability = shown_ids
            self._all_changed()

    def shown_id(self, row: int) -> int:
        """Return the class id of a row."""
        return self._rows[row]

    def row_of(self, shown_id: int) -> int | None:
        """Return the row of a shown id, None where it has none."""
        return self._rows.index(shown_id) if shown_id in self._looks else None

    def look(self, row: int) -> ClassLook:
        """Return name, colour, members and flags of a row."""
        return self._looks[self._rows[row]]

    def share_of(self, shown_id: int) -> float:
        """Return the share of a class or group, 0 to 1; 0 where it isn't known."""
        if not self._has_share(shown_id):
            return 0.0
        return sum(self._shares[i - 1] for i in self._looks[shown_id].members)

    def features(self, class_map: ClassMap) -> dict[str, list[object]]:
        """Return what napari may know of each id: "index", name, and share and volume (µm³) of the row it shows in."""
        ids, looks = list(class_map.ids), looks_of(class_map)
        row_of = {member: row for row, look in looks.items() for member in look.members}
        # A class that is split shows in none of the rows.
        names = [looks[row_of[i]].name if i in row_of else class_map.name_of(i) for i in ids]
        table: dict[str, list[object]] = {"index": [*ids], "name": [*names]}
        if self._statistics is not None:
            rows = [row_of.get(i, i) for i in ids]
            shares = {row: round(self.share_of(row), 4) for row in dict.fromkeys(rows)}
            table["share"] = [shares[row] for row in rows]
            table["volume_um3"] = [self.volume_of(row) for row in rows]
        return table

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of classes and groups."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return title or tooltip of a column."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _TITLES[Column(section)][0]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.ToolTipRole:
            return _TITLES[Column(section)][1]
        if role == Qt.ItemDataRole.TextAlignmentRole and section == Column.NAME:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Names can be edited, rows selected."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() == Column.NAME else flags

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        if self._class_map is None or not index.isValid():
            return None
        shown_id, column = self._rows[index.row()], index.column()
        if role == ID_ROLE:
            return shown_id
        look = self._looks[shown_id]
        if role == SORT_ROLE:
            return self._sort_key(shown_id, look, column)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return self._text(shown_id, look, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tooltip(self._class_map, shown_id, column)
        if column == Column.NAME:
            if role == Qt.ItemDataRole.ForegroundRole and "ignored" in look.flags:
                return QColor(GREY)
            if role == Qt.ItemDataRole.DecorationRole and "locked" in look.flags:
                return glyph_icon("lock", QColor(GREY))
            return None
        if role == Qt.ItemDataRole.BackgroundRole and column == Column.COLOR:
            return QColor(look.color)
        if role == Qt.ItemDataRole.TextAlignmentRole and column in (Column.SHARE, Column.VOLUME):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.CheckStateRole and column in (Column.EYE, Column.PROBABILITY):
            on = "visible" in look.flags if column == Column.EYE else shown_id in self._with_probability
            return Qt.CheckState.Checked if on else Qt.CheckState.Unchecked
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Announce a new name."""
        if role != Qt.ItemDataRole.EditRole or index.column() != Column.NAME:
            return False
        self.renamed.emit(self._rows[index.row()], str(value))
        return True

    def _take(self, class_map: ClassMap, looks: dict[int, ClassLook]) -> None:
        self._class_map, self._looks, self._rows, self._volumes = class_map, looks, tuple(looks), None

    def _text(self, shown_id: int, look: ClassLook, column: int) -> str | None:
        if column == Column.NAME:
            return look.name
        if column == Column.SHARE and self._has_share(shown_id):
            return f"{100 * self.share_of(shown_id):.1f} %"
        if column == Column.VOLUME and (volume := self.volume_of(shown_id)) is not None:
            return f"{volume:.3g}" if volume >= 0.001 else f"{volume:.0e}" if volume else "0"
        return None

    def _has_share(self, shown_id: int) -> bool:
        class_map, look = self._class_map, self._looks.get(shown_id)
        if class_map is None or look is None:
            return False
        n_shares = len(self._shares)
        return n_shares in (class_map.n_classes, class_map.ids[-1]) and look.members[-1] <= n_shares

    def _sort_key(self, shown_id: int, look: ClassLook, column: int) -> Any:
        if column == Column.NAME:
            # "class 10" after "class 9", and named ones before those without a name of their own.
            name = look.name.casefold()
            return f"1{shown_id:03}" if name.startswith("class ") else f"0{name}"
        if column == Column.SHARE:
            return self.share_of(shown_id)
        if column == Column.VOLUME:
            return self.volume_of(shown_id) or 0.0
        if column == Column.EYE:
            return "visible" in look.flags
        return shown_id in self._with_probability if column == Column.PROBABILITY else shown_id

    def _tooltip(self, class_map: ClassMap, shown_id: int, column: int) -> str:
        members = class_map.members(shown_id)
        split = class_map.split_of(shown_id)
        if column == Column.NAME and len(members) > 1:
            return f"{class_map.name_of(shown_id)}: classes {', '.join(map(str, members))} shown as one"
        if column == Column.NAME and split is not None:
            return f"{class_map.name_of(shown_id)} (part of class {split.class_id}); double-click to rename"
        if column == Column.NAME:
            return f"{class_map.name_of(shown_id)} (class {shown_id}); double-click to rename"
        return _TITLES[Column(column)][1]

    def _all_changed(self) -> None:
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, len(Column) - 1))


class SignDelegate(QStyledItemDelegate):
    """Draws eyes, swatches and probability signs in place of check boxes."""

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw one cell."""
        if painter is None:
            return
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, option.palette.highlight())
        rect = QRectF(option.rect)
        column = Column(index.column())
        if column is Column.COLOR:
            painter.save()
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(index.data(Qt.ItemDataRole.BackgroundRole))
            painter.drawRoundedRect(QRectF(rect.center().x() - 6, rect.center().y() - 6, 13, 13), 3, 3)
            painter.restore()
            return
        on = index.data(Qt.ItemDataRole.CheckStateRole) == Qt.CheckState.Checked
        color = QColor(option.palette.text().color())
        color.setAlphaF(1.0 if on else 0.35)
        name = ("eye" if on else "shut") if column is Column.EYE else "probability"
        draw_glyph(painter, name, rect, color, filled=on and column is Column.PROBABILITY)
