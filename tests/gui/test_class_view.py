"""How the table looks: every column has its width, names take the rest."""

from __future__ import annotations

from typing import Any

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.gui.class_columns import Column
from napari_em_autoclass.gui.class_table import ClassTable
from napari_em_autoclass.gui.class_view import make_class_view


def test_names_get_what_the_other_columns_leave(qtbot: Any) -> None:
    table = ClassTable()
    table.set_class_map(ClassMap.fresh(3))
    view = make_class_view(table)
    qtbot.addWidget(view)
    view.resize(340, 200)
    view.show()
    qtbot.waitExposed(view)
    assert view.columnWidth(Column.NAME) > 100
    assert sum(view.columnWidth(column) for column in Column) <= 340
