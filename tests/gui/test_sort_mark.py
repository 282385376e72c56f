"""The arrow in the header of the list of classes."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QTreeView

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.gui.class_columns import ID_ROLE, Column
from napari_em_autoclass.gui.class_rows import ClassRows, Only
from napari_em_autoclass.gui.class_table import ClassTable
from napari_em_autoclass.gui.class_view import make_class_view

SHARES = (0.1, 0.4, 0.2, 0.25, 0.05)
DOWN, UP = Qt.SortOrder.DescendingOrder, Qt.SortOrder.AscendingOrder


@pytest.fixture
def view(qtbot: Any) -> QTreeView:
    table = ClassTable()
    table.set_class_map(ClassMap.fresh(5))
    table.set_shares(SHARES)
    rows = ClassRows()
    rows.setSourceModel(table)
    made = make_class_view(rows)
    made.keep_alive = (table, rows)
    qtbot.addWidget(made)
    return made


def listed(view: QTreeView) -> list[int]:
    model = view.model()
    return [model.index(row, Column.NAME).data(ID_ROLE) for row in range(model.rowCount())]


def marked(view: QTreeView) -> int:
    return view.header().sortIndicatorSection()


def test_a_merge_that_breaks_the_order_takes_the_arrow_away_and_moves_no_row(qtbot: Any, view: QTreeView) -> None:
    table = view.keep_alive[0]
    view.sortByColumn(Column.SHARE, DOWN)
    assert listed(view) == [2, 4, 3, 1, 5]
    table.set_class_map(ClassMap.fresh(5).merge((1, 5, 4)))
    qtbot.waitUntil(lambda: marked(view) == -1)
    assert sorted(listed(view)) == [1, 2, 3]
    assert listed(view).index(2) < listed(view).index(3)
    view.sortByColumn(Column.SHARE, DOWN)
    assert (listed(view), marked(view)) == ([2, 1, 3], Column.SHARE)


@pytest.mark.parametrize("order", [UP, DOWN])
def test_the_arrow_stays_while_the_order_holds(qtbot: Any, view: QTreeView, order: Qt.SortOrder) -> None:
    table = view.keep_alive[0]
    view.sortByColumn(Column.SHARE, order)
    with qtbot.waitSignal(table.dataChanged):
        table.set_shares([share / 2 for share in SHARES])
    qtbot.wait(20)
    assert marked(view) == Column.SHARE
    table.set_shares(tuple(reversed(SHARES)))
    qtbot.waitUntil(lambda: marked(view) == -1)


def test_a_filter_that_is_lifted_leaves_the_rows_in_their_order(qtbot: Any, view: QTreeView) -> None:
    table, rows = view.keep_alive
    table.set_class_map(ClassMap.fresh(5).rename(3, "axon"))
    view.sortByColumn(Column.SHARE, DOWN)
    rows.set_only(Only.NAMED)
    assert listed(view) == [3]
    rows.set_only(Only.ALL)
    qtbot.wait(20)
    assert (listed(view), marked(view)) == ([2, 4, 3, 1, 5], Column.SHARE)
    rows.search("axon")
    rows.search("")
    qtbot.wait(20)
    assert (listed(view), marked(view)) == ([2, 4, 3, 1, 5], Column.SHARE)
