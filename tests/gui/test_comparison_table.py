"""Ticks stay, figures come row by row."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt

from napari_em_autoclass.core.comparison.rows import RecipeRow
from napari_em_autoclass.gui.comparison_table import ComparisonTable
from napari_em_autoclass.gui.recipe_card import dock_cards

GOOD = RecipeRow("neighbour-forecast", "finished", "", {"csev": 0.5, "effective_classes": 9.0, "z_kappa": 0.4})
POOR = RecipeRow("filters", "finished", "", {"csev": 0.3, "effective_classes": 7.0})
FLAT = RecipeRow("prediction-only", "collapsed", "", {"csev": 0.1, "effective_classes": 1.0})


@pytest.fixture
def table(qtbot: Any) -> ComparisonTable:
    made = ComparisonTable(dock_cards())
    qtbot.addWidget(made)
    return made


def texts(table: ComparisonTable, recipe: str) -> list[str]:
    row = [card.name for card in dock_cards()].index(recipe)
    return [table.item(row, column).text() for column in range(1, table.columnCount())]


def test_what_is_ticked_is_told_in_order(qtbot: Any, table: ComparisonTable) -> None:
    assert table.ticked() == ()
    with qtbot.waitSignal(table.ticks_changed):
        table.tick(lambda card: card.name in ("filters", "neighbour-forecast"))
    assert table.ticked() == ("neighbour-forecast", "filters")


def test_figures_fill_row_by_row_and_the_best_stands_out(table: ComparisonTable) -> None:
    table.set_running("filters")
    assert texts(table, "filters")[0] == "…"
    table.set_row(POOR)
    table.set_row(GOOD)
    table.set_row(FLAT)
    assert texts(table, "filters") == ["", ".300", "7.0"]
    assert texts(table, "prediction-only")[0] == "flat"
    names = [card.name for card in dock_cards()]
    bold = [name for row, name in enumerate(names) if table.item(row, 2).font().bold()]
    assert bold == ["neighbour-forecast"]
    assert "z kappa: .400" in table.item(names.index("neighbour-forecast"), 0).toolTip()
    table.forget()
    assert texts(table, "filters") == ["", "", ""]


def test_a_failed_recipe_says_why(table: ComparisonTable) -> None:
    table.set_row(RecipeRow("filters", "failed", "no weights; get them"))
    assert texts(table, "filters")[0] == "failed"
    row = [card.name for card in dock_cards()].index("filters")
    assert "no weights; get them" in table.item(row, 2).toolTip()


def test_locked_ticks_cannot_be_changed(table: ComparisonTable) -> None:
    table.set_locked(True)
    assert not table.item(0, 0).flags() & Qt.ItemFlag.ItemIsUserCheckable
    table.set_locked(False)
    assert table.item(0, 0).flags() & Qt.ItemFlag.ItemIsUserCheckable


def test_a_click_tells_the_recipe(qtbot: Any, table: ComparisonTable) -> None:
    with qtbot.waitSignal(table.recipe_clicked, check_params_cb=lambda name: name == "neighbour-forecast"):
        table.cellClicked.emit(0, 2)
