"""How the list of classes looks: narrow columns with signs, and names that take the rest."""

from __future__ import annotations

from qtpy.QtCore import QAbstractItemModel, Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTreeView

from napari_em_autoclass.gui.class_columns import SORT_ROLE, Column, SignDelegate
from napari_em_autoclass.gui.sort_mark import SortMark

__all__ = ["make_class_view"]

_NARROW = 24
_WIDTHS = {Column.SHARE: 52, Column.SURE: 38, Column.PATCH: 26}
_INDENT = 14
_SIGNS = (Column.EYE, Column.COLOR, Column.SURE, Column.PATCH, Column.PROBABILITY)


def make_class_view(rows: QAbstractItemModel) -> QTreeView:
    """Return the view of the rows; groups unfold to their classes."""
    view = QTreeView()
    view.setModel(rows)
    view.setUniformRowHeights(True)
    view.setIndentation(_INDENT)
    view.setTreePosition(Column.NAME)
    view.setExpandsOnDoubleClick(False)  # a double-click renames
    view.setAllColumnsShowFocus(True)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    view.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed)
    view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)
    view.setSortingEnabled(True)
    view.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
    view.setMinimumHeight(150)
    view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
    header = view.header()
    assert header is not None  # a tree view has one
    header.setMinimumSectionSize(_NARROW)
    header.setStretchLastSection(False)
    header.setSectionsMovable(False)
    header.setStyleSheet("QHeaderView::section { border: none; padding: 2px 4px; background: transparent; }")
    for column in Column:
        mode = QHeaderView.ResizeMode.Stretch if column is Column.NAME else QHeaderView.ResizeMode.Fixed
        header.setSectionResizeMode(column, mode)
        if column is not Column.NAME:
            view.setColumnWidth(column, _WIDTHS.get(column, _NARROW))
    for column in _SIGNS:
        view.setItemDelegateForColumn(column, SignDelegate(view))
    SortMark(view, SORT_ROLE)
    return view
