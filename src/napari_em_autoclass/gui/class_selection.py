"""Which rows of the list of classes are selected, by the ids they show."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QItemSelection, QItemSelectionModel, QModelIndex
from qtpy.QtWidgets import QTreeView

from napari_em_autoclass.gui.class_columns import ID_ROLE, Column
from napari_em_autoclass.gui.class_rows import ClassRows
from napari_em_autoclass.gui.class_table import ClassTable

__all__ = ["ClassSelection"]


class ClassSelection:
    """The selection of `view`, which shows `rows` of `table`."""

    def __init__(self, view: QTreeView, rows: ClassRows, table: ClassTable) -> None:
        self._view, self._rows, self._table = view, rows, table
        model = view.selectionModel()
        assert model is not None  # a view with a model has one
        self.model: QItemSelectionModel = model

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids of the selected rows, ascending; a class inside a group stands for the group."""
        outer = (
            index.parent().siblingAtColumn(Column.NAME) if index.parent().isValid() else index for index in self.indexes
        )
        return tuple(sorted({index.data(ID_ROLE) for index in outer}))

    @property
    def inner_ids(self) -> tuple[int, ...]:
        """The ids of the selected classes inside groups, ascending."""
        return tuple(sorted(index.data(ID_ROLE) for index in self.indexes if index.parent().isValid()))

    @property
    def indexes(self) -> list[QModelIndex]:
        """The name cells of the selected rows."""
        # Whole rows are selected.  `selectedRows` would ask the list about each cell of each of them.
        runs: Any = self.model.selection()
        return [
            self._rows.index(row, Column.NAME, run.parent())
            for run in runs
            for row in range(run.top(), run.bottom() + 1)
        ]

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
        """Select the row so many further down than the last selected, past groups that are folded."""
        chosen = self.indexes
        at = chosen[-1] if chosen else QModelIndex()
        move = self._view.indexBelow if by > 0 else self._view.indexAbove
        if not at.isValid():
            at, by = self._rows.index(0, Column.NAME), abs(by) - 1
        for _ in range(abs(by)):
            further = move(at)
            at = further if further.isValid() else at
        at = at.siblingAtColumn(Column.NAME)
        how = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self.model.setCurrentIndex(at, how)
        self._view.scrollTo(at)

    def _index_of(self, shown_id: int) -> QModelIndex:
        row = self._table.row_of(shown_id)
        return self._rows.mapFromSource(self._table.index(-1 if row is None else row, Column.NAME))
