"""Which classes are listed: searched, filtered, sorted."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.gui.class_columns import ID_ROLE, Column
from napari_em_autoclass.gui.class_rows import ClassRows, Only
from napari_em_autoclass.gui.class_table import ClassTable


@pytest.fixture
def rows(qapp: Any) -> ClassRows:
    table = ClassTable()
    table.set_class_map(ClassMap.fresh(5).rename(2, "axon").with_visible([3], False).ignore([4, 2]))
    made = ClassRows()
    made.setSourceModel(table)
    made.keep_alive = table
    return made


def listed(rows: ClassRows) -> list[int]:
    return [rows.index(row, Column.NAME).data(ID_ROLE) for row in range(rows.rowCount())]


@pytest.mark.parametrize(
    ("only", "ids"),
    [(Only.ALL, [1, 2, 3, 4, 5]), (Only.VISIBLE, [1, 2, 4, 5]), (Only.NAMED, [2]), (Only.OF_INTEREST, [1, 3, 5])],
)
def test_a_filter_leaves_the_classes_it_says(rows: ClassRows, only: Only, ids: list[int]) -> None:
    rows.set_only(only)
    assert listed(rows) == ids
    assert rows.only is only


def test_search_and_filter_hold_together(rows: ClassRows) -> None:
    rows.set_only(Only.VISIBLE)
    rows.search("CLASS")
    assert listed(rows) == [1, 4, 5]


def test_rows_stay_where_they_are_when_shares_change(rows: ClassRows) -> None:
    rows.sourceModel().set_shares((0.1, 0.2, 0.3, 0.2, 0.2))
    rows.sort(Column.SHARE, Qt.SortOrder.DescendingOrder)
    before = listed(rows)
    rows.sourceModel().set_shares((0.9, 0.0, 0.05, 0.0, 0.05))
    assert listed(rows) == before
