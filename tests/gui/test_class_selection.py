"""The selected classes, by id."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QTreeView

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.gui.class_columns import Column
from napari_em_autoclass.gui.class_rows import ClassRows
from napari_em_autoclass.gui.class_selection import ClassSelection
from napari_em_autoclass.gui.class_table import ClassTable
from napari_em_autoclass.gui.class_view import make_class_view


class Listed(NamedTuple):
    """A list of classes, whole."""

    selection: ClassSelection
    rows: ClassRows
    table: ClassTable
    view: QTreeView


@pytest.fixture
def listed(qtbot: Any) -> Listed:
    table, rows = ClassTable(), ClassRows()
    table.set_class_map(ClassMap.fresh(100))
    rows.setSourceModel(table)
    view = make_class_view(rows)
    qtbot.addWidget(view)
    view.show()
    return Listed(ClassSelection(view, rows, table), rows, table, view)


def test_classes_are_selected_by_id_however_the_list_is_sorted(listed: Listed) -> None:
    listed.rows.sort(Column.COLOR, Qt.SortOrder.DescendingOrder)
    listed.selection.select((7, 3))
    assert listed.selection.ids == (3, 7)
    assert [index.row() for index in sorted(listed.selection.indexes)] == [93, 97]


def test_twenty_classes_are_selected_at_one_go(listed: Listed) -> None:
    told: list[object] = []
    listed.selection.model.selectionChanged.connect(lambda *_: told.append(1))
    listed.selection.select(tuple(range(1, 41, 2)))
    assert len(listed.selection.ids) == 20
    assert len(told) == 1
    listed.selection.select(tuple(range(1, 41, 2)))
    assert len(told) == 1


def test_a_class_that_is_not_listed_cannot_be_selected(listed: Listed) -> None:
    listed.rows.search("class 5")
    listed.selection.select((5, 6, 200))
    assert listed.selection.ids == (5,)


def test_the_selected_class_comes_into_view(listed: Listed) -> None:
    listed.selection.select((90,))
    assert listed.view.viewport().rect().intersects(listed.view.visualRect(listed.selection.indexes[0]))


def test_a_step_goes_down_or_up_and_stops_at_the_ends(listed: Listed) -> None:
    listed.selection.step(1)
    assert listed.selection.ids == (1,)
    listed.selection.step(1)
    assert listed.selection.ids == (2,)
    listed.selection.step(-5)
    assert listed.selection.ids == (1,)


def test_a_merge_leaves_the_list_where_it_was_scrolled_to_and_the_rest_selected(listed: Listed) -> None:
    listed.selection.select((80, 82))
    top = listed.view.indexAt(QPoint(5, 2)).row()
    assert top > 0
    listed.table.set_class_map(ClassMap.fresh(100).merge([80, 82]))
    assert listed.view.indexAt(QPoint(5, 2)).row() == top
    assert listed.selection.ids == (80,)


def test_a_class_inside_a_group_stands_for_the_group_and_is_known_by_itself(listed: Listed) -> None:
    listed.table.set_class_map(ClassMap.fresh(100).merge([2, 5, 9]))
    group = listed.rows.index(1, Column.NAME)
    listed.view.expand(group.siblingAtColumn(0))
    listed.view.setCurrentIndex(listed.rows.index(1, Column.NAME, group.siblingAtColumn(0)))
    assert listed.selection.ids == (2,)
    assert listed.selection.inner_ids == (5,)


def test_a_step_goes_into_groups_that_are_unfolded_and_past_others(listed: Listed) -> None:
    listed.table.set_class_map(ClassMap.fresh(100).merge([2, 5]))
    listed.selection.select((2,))
    listed.selection.step(1)
    assert listed.selection.ids == (3,)
    listed.view.expand(listed.rows.index(1, 0))
    listed.selection.select((2,))
    listed.selection.step(1)
    assert (listed.selection.ids, listed.selection.inner_ids) == ((2,), (2,))
