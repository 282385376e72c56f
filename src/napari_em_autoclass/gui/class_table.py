"""The classes as a list that unfolds: a Qt model over a ClassMap.

A row per class or group; below a group its classes.  A model and not a widget per row, so that 254 classes are as quick
as 5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import QAbstractItemModel, QModelIndex, Qt, Signal
from qtpy.QtGui import QColor, QPixmap

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.class_statistics import ClassStatistics, RowStatistics
from napari_em_autoclass.gui.class_columns import ID_ROLE, SORT_ROLE, TITLES, Column
from napari_em_autoclass.gui.class_look import ClassLook, changed, look_of_member, looks_of, moves
from napari_em_autoclass.gui.glyphs import GREY, glyph_icon

__all__ = ["ClassTable"]

# Qt asks for these a thousand times when a row goes; an enum works them out each time.
_N_COLUMNS, _NAME = len(Column), int(Column.NAME)
_FLAGS = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
_NAME_FLAGS = _FLAGS | Qt.ItemFlag.ItemIsEditable

_MOST_MOVES = 40  # runs of rows that come or go one by one; past that a fresh list is quicker


class ClassTable(QAbstractItemModel):
    """One row per class or group of a class map; an edited name is only announced, by `renamed`.

    The internal id of an index is 0 for these rows; for a class inside a group it is the id that the group shows under.
    """

    renamed = Signal(int, str)  # shown id, name

    def __init__(self) -> None:
        super().__init__()
        self._class_map: ClassMap | None = None
        self._looks: dict[int, ClassLook] = {}  # by shown id, in the order of the rows
        self._rows: tuple[int, ...] = ()
        self._inner: dict[int, tuple[int, ...]] = {}  # the classes of each group that are listed below it
        self._patches: Mapping[int, QPixmap] = {}
        self._shares: tuple[float, ...] = ()
        self._volumes: dict[int, float] | None = None  # worked out when first asked for
        self._with_probability: frozenset[int] = frozenset()
        self._statistics: ClassStatistics | None = None
        self._figures: dict[int, RowStatistics] | None = None  # of each class alone; worked out when first asked for

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
        inner = _inner_of(looks)
        self._fold_away([row for row in self._inner if self._inner[row] != inner.get(row)])
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
        self._unfold(inner)
        for run in changed(before, looks):
            self.dataChanged.emit(self.index(run.start, 0), self.index(run.stop - 1, len(Column) - 1))

    def set_shares(self, shares: Sequence[float]) -> None:
        """Show other shares, one per class (K), or one per id up to the highest part."""
        self._shares = tuple(shares)
        if self._rows:
            self.dataChanged.emit(self.index(0, Column.SHARE), self.index(len(self._rows) - 1, Column.SHARE))

    def set_statistics(self, statistics: ClassStatistics | None, patches: Mapping[int, QPixmap] | None = None) -> None:
        """Show how sure the classes are, and a patch of each by id; None forgets both."""
        self._statistics, self._patches = statistics, patches or {}
        self._volumes = self._figures = None
        self._all_changed()

    def sure_of(self, members: Sequence[int]) -> float | None:
        """Return how sure classes are told apart where these are, 0 (not at all) to 1; None where it isn't known."""
        if self._statistics is None or self._class_map is None:
            return None
        bits = self._statistics.mean_entropy_bits(members)
        return None if bits is None else max(0.0, 1 - bits / math.log2(max(self._class_map.n_classes, 2)))

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

    def row_of(self, shown_id: int) -> int | None:
        """Return the row of a shown id, None where it has none."""
        return self._rows.index(shown_id) if shown_id in self._looks else None

    def look(self, row: int) -> ClassLook:
        """Return name, colour, members and flags of a row."""
        return self._looks[self._rows[row]]

    def share_of(self, shown_id: int) -> float:
        """Return the share of a class or group, 0 to 1; 0 where it isn't known."""
        look = self._looks.get(shown_id)
        return self._share(look) if look is not None and self._has_share(look) else 0.0

    def features(self, class_map: ClassMap) -> dict[str, list[object]]:
        """Return what napari may know of each id, in the columns of the CSV; figures only when they are known."""
        from napari_em_autoclass.io.class_table import class_columns, figures_of  # the readers come with it

        if self._statistics is not None and self._figures is None:
            self._figures = figures_of(self._statistics, class_map)
        columns = class_columns(class_map, self._figures)
        return {name: column for name, column in columns.items() if any(cell is not None for cell in column)}

    def index(self, row: int, column: int, parent: QModelIndex | None = None) -> QModelIndex:
        """Return the index of a cell, an invalid one where there is none."""
        if parent is None or not parent.isValid():
            known = 0 <= column < _N_COLUMNS and 0 <= row < len(self._rows)
            return self.createIndex(row, column, 0) if known else QModelIndex()
        known = 0 <= column < _N_COLUMNS and 0 <= row < self.rowCount(parent)
        return self.createIndex(row, column, self._rows[parent.row()]) if known else QModelIndex()

    def parent(self, index: QModelIndex | None = None) -> Any:
        """Return the index of the group a class is listed below; of the model itself its owner, as Qt's objects do."""
        if index is None:
            return super().parent()
        row = self.row_of(index.internalId()) if index.isValid() and index.internalId() else None
        return QModelIndex() if row is None else self.createIndex(row, 0, 0)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of classes and groups, or of the classes listed below a group."""
        if parent is None or not parent.isValid():
            return len(self._rows)
        if parent.internalId() or parent.column() or parent.row() >= len(self._rows):
            return 0
        return len(self._inner.get(self._rows[parent.row()], ()))

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of columns."""
        return _N_COLUMNS

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return title or tooltip of a column."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return TITLES[Column(section)][0]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.ToolTipRole:
            return TITLES[Column(section)][1]
        if role == Qt.ItemDataRole.TextAlignmentRole and section == Column.NAME:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Names can be edited, rows selected."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        is_name = index.column() == _NAME and not index.internalId()
        return _NAME_FLAGS if is_name else _FLAGS

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        if self._class_map is None or not index.isValid():
            return None
        look, column = self._look_at(index), index.column()
        shown_id = look.members[0]
        if role == ID_ROLE:
            return shown_id
        if role == SORT_ROLE:
            return self._sort_key(shown_id, look, column)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return self._text(look, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tooltip(self._class_map, look, column, is_inner=bool(index.internalId()))
        if column == Column.NAME:
            if role == Qt.ItemDataRole.ForegroundRole and "ignored" in look.flags:
                return QColor(GREY)
            if role == Qt.ItemDataRole.DecorationRole and "locked" in look.flags:
                return glyph_icon("lock", QColor(GREY))
            return None
        if role == Qt.ItemDataRole.BackgroundRole and column == Column.COLOR:
            return QColor(look.color)
        if role == Qt.ItemDataRole.DecorationRole and column == Column.PATCH:
            return next((self._patches[i] for i in look.members if i in self._patches), None)
        if role == Qt.ItemDataRole.TextAlignmentRole and column == Column.SHARE:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if index.internalId():
            return None  # the eye and the probability are those of the group
        if role == Qt.ItemDataRole.CheckStateRole and column in (Column.EYE, Column.PROBABILITY):
            on = "visible" in look.flags if column == Column.EYE else shown_id in self._with_probability
            return Qt.CheckState.Checked if on else Qt.CheckState.Unchecked
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Announce a new name."""
        if role != Qt.ItemDataRole.EditRole or index.column() != Column.NAME or index.internalId():
            return False
        self.renamed.emit(self._rows[index.row()], str(value))
        return True

    def _take(self, class_map: ClassMap, looks: dict[int, ClassLook]) -> None:
        self._class_map, self._looks, self._rows, self._volumes = class_map, looks, tuple(looks), None
        self._inner = _inner_of(looks)

    def _fold_away(self, groups: Sequence[int]) -> None:
        """List no classes below these groups."""
        for group in groups:
            above = self.index(self._rows.index(group), 0)
            self.beginRemoveRows(above, 0, len(self._inner[group]) - 1)
            del self._inner[group]
            self.endRemoveRows()

    def _unfold(self, inner: Mapping[int, tuple[int, ...]]) -> None:
        """List the classes of each group below it where they are not yet."""
        for group, members in inner.items():
            if group not in self._inner:
                self.beginInsertRows(self.index(self._rows.index(group), 0), 0, len(members) - 1)
                self._inner[group] = members
                self.endInsertRows()

    def _look_at(self, index: QModelIndex) -> ClassLook:
        if not index.internalId():
            return self._looks[self._rows[index.row()]]
        assert self._class_map is not None  # without one there are no indexes
        return look_of_member(self._class_map, self._inner[index.internalId()][index.row()])

    def _text(self, look: ClassLook, column: int) -> str | float | None:
        if column == Column.NAME:
            return look.name
        if column == Column.SHARE and self._has_share(look):
            return f"{100 * self._share(look):.1f} %"
        return self.sure_of(look.members) if column == Column.SURE else None

    def _share(self, look: ClassLook) -> float:
        return sum(self._shares[i - 1] for i in look.members)

    def _has_share(self, look: ClassLook | None) -> bool:
        class_map = self._class_map
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
            return self._share(look) if self._has_share(look) else 0.0
        if column == Column.SURE:
            return self.sure_of(look.members) or 0.0
        if column == Column.EYE:
            return "visible" in look.flags
        return shown_id in self._with_probability if column == Column.PROBABILITY else shown_id

    def _tooltip(self, class_map: ClassMap, look: ClassLook, column: int, *, is_inner: bool) -> str:
        shown_id, members = look.members[0], look.members
        if column == Column.SURE and (bits := self._entropy(members)) is not None:
            return f"{TITLES[Column.SURE][1]}: {bits:.2f} bit of at most {math.log2(max(class_map.n_classes, 2)):.1f}"
        if column != Column.NAME:
            return TITLES[Column(column)][1]
        if is_inner:
            return f"{look.name}, shown as {class_map.name_of(shown_id)}; Un-merge takes it out of the group"
        if len(members) > 1:
            return f"{look.name}: classes {', '.join(map(str, members))} shown as one"
        split = class_map.split_of(shown_id)
        origin = f"part of class {split.class_id}" if split else f"class {shown_id}"
        return f"{look.name} ({origin}); double-click to rename"

    def _entropy(self, members: Sequence[int]) -> float | None:
        return None if self._statistics is None else self._statistics.mean_entropy_bits(members)

    def _all_changed(self) -> None:
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, len(Column) - 1))


def _inner_of(looks: Mapping[int, ClassLook]) -> dict[int, tuple[int, ...]]:
    """Return the classes of each group, by the id it shows under."""
    return {row: look.members for row, look in looks.items() if len(look.members) > 1}
