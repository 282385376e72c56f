from __future__ import annotations

import math

import pytest

from napari_em_autoclass.core.comparison.rows import COLUMNS, RecipeRow, best_of, in_order, shown_columns
from napari_em_autoclass.core.errors import InputError

GOOD = RecipeRow("good", "finished", "", {"csev": 0.5, "merged_miou": 0.4, "first_map_s": 3.0, "effective_classes": 9})
BETTER = RecipeRow("better", "finished", "", {"csev": 0.4, "merged_miou": 0.5, "first_map_s": 4.0})
COLLAPSED = RecipeRow("collapsed", "collapsed", "", {"csev": 0.9, "merged_miou": 0.9, "z_kappa": 1.0})
FAILED = RecipeRow("failed", "failed", "it is not there")
ROWS = (FAILED, COLLAPSED, GOOD, BETTER)


def test_a_row_comes_back_from_its_json() -> None:
    assert RecipeRow.from_json(GOOD.to_json()) == GOOD
    assert RecipeRow.from_json({**GOOD.to_json(), "figure of a later version": 1}) == GOOD
    assert "csev" not in RecipeRow("a", "finished", "", {"csev": math.nan}).to_json()


@pytest.mark.parametrize(
    "stored", [[], {"outcome": "finished"}, {"recipe": "a", "outcome": "lost"}, {**GOOD.to_json(), "csev": "much"}]
)
def test_a_damaged_row_is_refused(stored: object) -> None:
    with pytest.raises(InputError, match="damaged"):
        RecipeRow.from_json(stored)


def test_rows_are_sorted_by_merged_miou_and_what_is_worthless_comes_last() -> None:
    assert [row.recipe for row in in_order(ROWS)] == ["better", "good", "collapsed", "failed"]


def test_without_labels_rows_are_sorted_by_csev() -> None:
    rows = [RecipeRow("a", "finished", "", {"csev": 0.1}), RecipeRow("b", "finished", "", {"csev": 0.2})]
    assert [row.recipe for row in in_order(rows)] == ["b", "a"]


def test_best_is_largest_or_smallest_and_collapsed_runs_do_not_compete() -> None:
    assert best_of(ROWS) == {"csev": 0.5, "merged_miou": 0.5, "first_map_s": 3.0}
    assert best_of([GOOD]) == {}  # alone, nothing is best


def test_only_columns_with_a_figure_are_shown() -> None:
    assert [column.key for column in shown_columns([GOOD])] == [
        *("merged_miou", "csev", "effective_classes", "first_map_s")
    ]
    assert [column.key for column in shown_columns([GOOD], main_only=True)] == [
        *("merged_miou", "csev", "effective_classes")
    ]


def test_figures_are_told_in_few_digits() -> None:
    by_key = {column.key: column for column in COLUMNS}
    assert by_key["csev"].text(0.12345) == ".123"
    assert by_key["csev"].text(-0.5) == "-0.500"
    assert by_key["csev"].text(None) == "–"
    assert by_key["seconds"].text(0.4) == "0"
    assert by_key["steps_per_s"].text(0.44) == "0.4"
