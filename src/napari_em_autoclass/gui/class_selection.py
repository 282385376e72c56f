"""Which rows of the list of classes are selected, by the ids they show."""

from __future__ import annotations

from qtpy.QtCore import QItemSelection, QItemSelectionModel, QModelIndex
from qtpy.QtWidgets import QTableView

from napari_em_autoclass.gui.class_rows import ClassRows
from napari_em_autoclass.gui.class_table import ID_ROLE, ClassTable, Column

__all__ = ["ClassSelection"]


class ClassSelection:
    """The selection of `view`, which shows `rows` of `table`."""

    def __init__(self, view: QTableView, rows: ClassRows, table: ClassTable) -> None:
        self._view, self._rows, self._table = view, rows, table
        model = view.selectionModel()
        assert model is not None  # a view with a model has one
        self.model: QItemSelectionModel = model

    @property
    def ids(self) -> tuple[int, ...]:
        """The selected ids, ascending."""
        return tuple(sorted(index.data(ID_ROLE) for index in self.indexes))

    @property
    def indexes(self) -> list[QModelIndex]:
        """The name cells of the selected rows."""
        return list(self.model.selectedRows(Column.NAME))

    def select(self, shown_ids: tuple[int, ...]) -> None:
        """Select these and nothing else, at one go; the first comes into view, unless all were selected already."""
        if self.ids == tuple(sorted(shown_ids)):
            return
        found = sorted(filter(QModelIndex.isValid, map(self._index_of, shown_ids)), key=QModelIndex.row)
        chosen = QItemSelection()
        for index in found:
            chosen.select(index, index)
        how = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self.model.select(chosen, how)
        if found:
            self._view.scrollTo(found[0])

    def step(self, by: int) -> None:
        """Select the row so many further down than the last selected."""
        rows = [index.row() for index in self.indexes]
        self._view.selectRow(min(max((rows[-1] if rows else -1) + by, 0), self._rows.rowCount() - 1))

    def _index_of(self, shown_id: int) -> QModelIndex:
        row = self._table.row_of(shown_id)
        return self._rows.mapFromSource(self._table.index(-1 if row is None else row, Column.NAME))
