"""Which rows of the class table show, and in which order."""

from __future__ import annotations

from enum import Enum

from qtpy.QtCore import QModelIndex, QObject, QSortFilterProxyModel, Qt

from napari_em_autoclass.gui.class_table import FLAGS_ROLE, SORT_ROLE, Column

__all__ = ["ClassRows", "Only"]


class Only(Enum):
    """Which classes are listed."""

    ALL = "All"
    VISIBLE = "Shown in the picture"
    NAMED = "Named"
    OF_INTEREST = "Not ignored"


class ClassRows(QSortFilterProxyModel):
    """The table, searched by name, filtered and sorted."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._only = Only.ALL
        self.setSortRole(SORT_ROLE)
        self.setFilterKeyColumn(Column.NAME)
        self.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.setDynamicSortFilter(False)  # shares change all the time; rows must not jump about

    @property
    def only(self) -> Only:
        """Which classes are listed."""
        return self._only

    def set_only(self, only: Only) -> None:
        """List these classes."""
        self._only = only
        self.invalidateFilter()

    def filterAcceptsRow(self, source_row: int, source_parent: QModelIndex) -> bool:
        """Return whether a row shows."""
        source = self.sourceModel()
        if source is None or not super().filterAcceptsRow(source_row, source_parent):
            return False
        flags = source.index(source_row, Column.NAME, source_parent).data(FLAGS_ROLE) or frozenset()
        return {
            Only.ALL: True,
            Only.VISIBLE: "visible" in flags,
            Only.NAMED: "named" in flags,
            Only.OF_INTEREST: "ignored" not in flags,
        }[self._only]
