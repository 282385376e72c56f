"""The model behind the list of classes."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QImage, QPainter, QPixmap
from qtpy.QtTest import QAbstractItemModelTester
from qtpy.QtWidgets import QStyleOptionViewItem

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.class_statistics import ClassStatistics
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.gui.class_columns import ID_ROLE, Column, SignDelegate
from napari_em_autoclass.gui.class_table import ClassTable


@pytest.fixture
def table(qapp: Any) -> ClassTable:
    made = ClassTable()
    made.set_class_map(ClassMap.fresh(4))
    made.set_shares((0.4, 0.3, 0.2, 0.1))
    return made


def text(table: ClassTable, row: int, column: Column) -> Any:
    return table.data(table.index(row, column))


def test_it_obeys_the_rules_of_qt_models(table: ClassTable, qtmodeltester: Any) -> None:
    qtmodeltester.check(table)


def test_each_class_has_a_row_with_name_and_share(table: ClassTable) -> None:
    assert table.rowCount() == 4
    assert text(table, 0, Column.NAME) == "class 1"
    assert text(table, 0, Column.SHARE) == "40.0 %"


def test_a_group_is_one_row_with_the_share_of_its_members(table: ClassTable) -> None:
    table.set_class_map(ClassMap.fresh(4).merge([2, 4], name="mitochondria"))
    assert table.rowCount() == 3
    assert (text(table, 1, Column.NAME), text(table, 1, Column.SHARE)) == ("mitochondria", "40.0 %")
    tooltip = table.data(table.index(1, Column.NAME), Qt.ItemDataRole.ToolTipRole)
    assert "2, 4" in tooltip


def test_eye_and_probability_are_ticks(table: ClassTable) -> None:
    table.set_class_map(ClassMap.fresh(4).with_visible([2], False))
    table.set_with_probability(frozenset({3}))
    role = Qt.ItemDataRole.CheckStateRole
    eyes = [table.data(table.index(row, Column.EYE), role) == Qt.CheckState.Checked for row in range(4)]
    probs = [table.data(table.index(row, Column.PROBABILITY), role) == Qt.CheckState.Checked for row in range(4)]
    assert eyes == [True, False, True, True]
    assert probs == [False, False, True, False]


def test_only_names_can_be_edited_and_editing_is_announced(table: ClassTable, qtbot: Any) -> None:
    editable = [c for c in Column if table.flags(table.index(0, c)) & Qt.ItemFlag.ItemIsEditable]
    assert editable == [Column.NAME]
    with qtbot.waitSignal(table.renamed, check_params_cb=lambda *told: told == (1, "axon")):
        assert table.setData(table.index(0, Column.NAME), "axon")
    assert not table.setData(table.index(0, Column.SHARE), "50")


def test_shares_of_another_number_of_classes_count_as_none(table: ClassTable) -> None:
    table.set_class_map(ClassMap.fresh(6))
    assert table.share_of(1) == 0


def statistics(n_ids: int, entropy_bits: float) -> ClassStatistics:
    ones = np.ones(n_ids + 1, np.int64)
    return ClassStatistics(
        100 * ones,
        np.zeros((n_ids + 1, n_ids + 1)),
        np.ones((n_ids + 1, 1), bool),
        entropy_bits * ones,
        ones,
        1000,
        1e-3,
    )


def test_the_classes_of_a_group_are_listed_below_it_as_themselves(table: ClassTable) -> None:
    class_map = ClassMap.fresh(4).rename(2, "crista").merge([2, 4], name="mitochondria")
    table.set_class_map(class_map)
    group = table.index(1, 0)
    assert [table.rowCount(table.index(row, 0)) for row in range(3)] == [0, 2, 0]
    names = [table.data(table.index(row, Column.NAME, group)) for row in range(2)]
    shares = [table.data(table.index(row, Column.SHARE, group)) for row in range(2)]
    colors = [table.data(table.index(row, Column.COLOR, group), Qt.ItemDataRole.BackgroundRole) for row in range(2)]
    assert names == ["crista", "class 4"]
    assert shares == ["30.0 %", "10.0 %"]
    assert [color.name() for color in colors] == [ClassMap.fresh(4).color_of(i) for i in (2, 4)]
    assert table.data(table.index(1, Column.NAME, group), ID_ROLE) == 4
    assert table.parent(table.index(1, Column.NAME, group)) == group


def test_what_is_inside_a_group_is_neither_renamed_nor_switched(table: ClassTable) -> None:
    table.set_class_map(ClassMap.fresh(4).merge([2, 4]))
    inner = table.index(0, Column.NAME, table.index(1, 0))
    assert not table.flags(inner) & Qt.ItemFlag.ItemIsEditable
    assert not table.setData(inner, "x")
    assert table.data(inner.siblingAtColumn(Column.EYE), Qt.ItemDataRole.CheckStateRole) is None


@given(st.lists(st.lists(st.integers(1, 6), unique=True, min_size=1, max_size=4), max_size=8))
def test_lists_that_grow_and_shrink_obey_the_rules_of_qt_models(merges: list[list[int]]) -> None:
    table = ClassTable()
    QAbstractItemModelTester(table, QAbstractItemModelTester.FailureReportingMode.Fatal)
    class_map = ClassMap.fresh(6)
    table.set_class_map(class_map)
    for ids in merges:
        with suppress(InputError):
            class_map = class_map.merge(ids) if len(ids) > 1 else class_map.unmerge(ids[0])
        table.set_class_map(class_map)
        rows = [table.index(row, 0) for row in range(table.rowCount())]
        assert tuple(index.data(ID_ROLE) for index in rows) == class_map.rows()
        inner = [[table.index(r, 0, row).data(ID_ROLE) for r in range(table.rowCount(row))] for row in rows]
        assert inner == [list(m) if len(m := class_map.members(i)) > 1 else [] for i in class_map.rows()]


def test_entropy_shows_as_how_sure_and_in_bits(table: ClassTable) -> None:
    assert text(table, 0, Column.SURE) is None
    table.set_statistics(statistics(4, 0.5))
    assert text(table, 0, Column.SURE) == pytest.approx(0.75)  # of 2 bits at most
    assert "0.50 bit" in table.data(table.index(0, Column.SURE), Qt.ItemDataRole.ToolTipRole)


def test_a_row_shows_the_patch_of_one_of_its_classes(table: ClassTable) -> None:
    patch = QPixmap(8, 8)
    table.set_class_map(ClassMap.fresh(4).merge([2, 4]))
    table.set_statistics(statistics(4, 0.5), {4: patch})
    shown = [table.data(table.index(row, Column.PATCH), Qt.ItemDataRole.DecorationRole) for row in range(3)]
    assert [found is not None for found in shown] == [False, True, False]


@pytest.mark.parametrize("column", [Column.EYE, Column.COLOR, Column.SURE, Column.PATCH, Column.PROBABILITY])
def test_signs_are_drawn(table: ClassTable, column: Column) -> None:
    patch = QPixmap(8, 8)
    patch.fill(Qt.GlobalColor.white)
    table.set_statistics(statistics(4, 0.5), {1: patch})
    image = QImage(30, 22, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    option = QStyleOptionViewItem()
    option.rect = QRectF(0, 0, 30, 22).toRect()
    painter = QPainter(image)
    SignDelegate().paint(painter, option, table.index(0, column))
    painter.end()
    assert any(image.pixelColor(x, y).alpha() > 0 for x in range(30) for y in range(22))
