"""How the table of classes looks: narrow columns with signs, and names that take the rest."""

from __future__ import annotations

from qtpy.QtCore import QAbstractItemModel, Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from napari_em_autoclass.gui.class_table import Column, SignDelegate

__all__ = ["make_class_view"]

_NARROW = 26
_WIDTHS = {Column.SHARE: 56, Column.VOLUME: 50}


def make_class_view(rows: QAbstractItemModel) -> QTableView:
    """Return the view of the rows."""
    view = QTableView()
    view.setModel(rows)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    view.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed)
    view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    view.setShowGrid(False)
    view.setWordWrap(False)
    view.setSortingEnabled(True)
    view.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
    view.setMinimumHeight(150)
    view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
    numbers, header = view.verticalHeader(), view.horizontalHeader()
    assert numbers is not None
    assert header is not None
    numbers.setVisible(False)
    numbers.setDefaultSectionSize(22)
    header.setMinimumSectionSize(_NARROW)
    header.setHighlightSections(False)
    for column in Column:
        mode = QHeaderView.ResizeMode.Stretch if column is Column.NAME else QHeaderView.ResizeMode.Fixed
        header.setSectionResizeMode(column, mode)
        if column is not Column.NAME:
            view.setColumnWidth(column, _WIDTHS.get(column, _NARROW))
    for column in (Column.EYE, Column.COLOR, Column.PROBABILITY):
        view.setItemDelegateForColumn(column, SignDelegate(view))
    return view
