"""The model behind the list of classes."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QImage, QPainter
from qtpy.QtWidgets import QStyleOptionViewItem

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.gui.class_table import ClassTable, Column, SignDelegate


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


@pytest.mark.parametrize("column", [Column.EYE, Column.COLOR, Column.PROBABILITY])
def test_signs_are_drawn(table: ClassTable, column: Column) -> None:
    image = QImage(30, 22, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    option = QStyleOptionViewItem()
    option.rect = QRectF(0, 0, 30, 22).toRect()
    painter = QPainter(image)
    SignDelegate().paint(painter, option, table.index(0, column))
    painter.end()
    assert any(image.pixelColor(x, y).alpha() > 0 for x in range(30) for y in range(22))
