"""Which rows of the class table show, and in which order."""

from __future__ import annotations

from enum import Enum

from qtpy.QtCore import QModelIndex, QObject, QSortFilterProxyModel

from napari_em_autoclass.gui.class_columns import SORT_ROLE
from napari_em_autoclass.gui.class_table import ClassTable
from napari_em_autoclass.gui.sort_mark import is_in_order

__all__ = ["ClassRows", "Only"]


class Only(Enum):
    """Which classes are listed."""

    ALL = "All"
    VISIBLE = "Shown in the picture"
    NAMED = "Named"
    OF_INTEREST = "Not ignored"


_FLAG_OF = {Only.VISIBLE: "visible", Only.NAMED: "named"}


class ClassRows(QSortFilterProxyModel):
    """The table, searched by name, filtered and sorted.  Its source is a `ClassTable`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._only, self._sought = Only.ALL, ""
        self.setSortRole(SORT_ROLE)
        self.setDynamicSortFilter(False)  # shares change all the time; rows must not jump about

    @property
    def only(self) -> Only:
        """Which classes are listed."""
        return self._only

    def set_only(self, only: Only) -> None:
        """List these classes."""
        self._only = only
        self._filter_anew()

    def search(self, name: str) -> None:
        """List the classes with `name` in their names, in capitals or not."""
        self._sought = name.casefold()
        self._filter_anew()

    def filterAcceptsRow(self, source_row: int, source_parent: QModelIndex) -> bool:
        """Return whether a row shows."""
        table = self.sourceModel()
        if not isinstance(table, ClassTable):
            return False
        if source_parent.isValid():
            return True  # a group is listed with all its classes
        look = table.look(source_row)
        if self._sought not in look.name.casefold():
            return False
        if self._only is Only.OF_INTEREST:
            return "ignored" not in look.flags
        return self._only is Only.ALL or _FLAG_OF[self._only] in look.flags

    def _filter_anew(self) -> None:
        """List other rows; where they lay in an order, those that come back take their places in it."""
        column, order = self.sortColumn(), self.sortOrder()
        was_in_order = column >= 0 and is_in_order(self, column, order, SORT_ROLE)
        self.invalidateFilter()
        if was_in_order:
            self.sort(column, order)
