from __future__ import annotations

import csv

from napari_em_autoclass.core.comparison.rows import NOTES, RecipeRow
from napari_em_autoclass.io.comparison_table import as_csv, as_markdown, markdown_rows

ROWS = (
    RecipeRow("poor", "finished", "", {"csev": 0.1, "effective_classes": 4.0}),
    RecipeRow("good", "finished", "kept the filters", {"csev": 0.25, "effective_classes": 7.25}),
    RecipeRow("flat", "collapsed", "", {"csev": 0.9, "effective_classes": 1.0}),
    RecipeRow("absent", "failed", "no weights | get them"),
)


def test_the_best_comes_first_in_bold_and_a_collapsed_run_wins_nothing() -> None:
    lines = markdown_rows(ROWS).splitlines()
    assert lines[0] == "| recipe | CSEV | classes | how it ended |"
    assert lines[2:] == [
        "| `good` | **.250** | 7.2 | finished: kept the filters |",
        "| `poor` | .100 | 4.0 | finished |",
        "| `flat` | .900 | 1.0 | collapsed |",
        r"| `absent` | – | – | failed: no weights \| get them |",
    ]


def test_the_page_says_what_was_compared_and_how_to_read_it() -> None:
    page = as_markdown(ROWS, {"stack": "tiny", "shape_zyx": [3, 4, 5], "labels": None, "seconds": 60.0})
    assert "stack tiny, shape zyx 3 x 4 x 5, seconds 60.0" in page
    assert "labels" not in page.split("|")[0]
    assert "- *CSEV*:" in page
    assert all(note in page for note in NOTES)


def test_csv_holds_every_figure_and_the_reason() -> None:
    head, first, *_, last = csv.reader(as_csv(ROWS).splitlines())
    row = dict(zip(head, first, strict=True))
    assert (row["recipe"], row["csev"], row["merged_miou"]) == ("good", "0.25", "")
    assert dict(zip(head, last, strict=True))["reason"] == "no weights | get them"
