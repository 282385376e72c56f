from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

Rows = list[dict[str, Any]]


def table_line(text: str, start: str, nth: int = 0) -> list[str]:
    found = [line for line in text.splitlines() if line.startswith(f"| {start}")]
    return [cell.strip() for cell in found[nth].strip("|").split("|")]


def test_the_page_tells_mean_and_spread_beside_baselines_and_the_forest(rows: Rows, tmp_path: Path) -> None:
    report = importlib.import_module("_quality_report")
    text = report.page(rows, "plot.svg")
    heading, run = table_line(text, "what"), table_line(text, "**neighbour-forecast**")
    told = dict(zip(heading, run, strict=True))
    assert told["n"] == "3"
    assert told["merged mIoU"] == "0.540 ± 0.040"
    assert told["of the forest's"] == "0.90 ± 0.07"
    assert told["at 5 groups"] == ""  # no row has the figure
    assert table_line(text, "random forest")[:5] == ["random forest, trained on labels", "", "", "1", "0.600"]
    assert table_line(text, "what", 1)[4:] == ["membrane", "myelin (rare)"]
    assert table_line(text, "**neighbour-forecast**", 1)[4:] == ["0.440 ± 0.040", "0.400 ± 0.000"]
    assert "5.0 ± 1.0" in table_line(text, "**neighbour-forecast**", 2)  # seconds to the first map
    assert "version 1.2 on machines with 2 processor cores" in text


def test_a_collapsed_run_is_counted_and_told(rows: Rows) -> None:
    report = importlib.import_module("_quality_report")
    key = {name: rows[-1][name] for name in ("stack", "recipe", "classes", "budget_s", "set")}
    run = table_line(report.page([*rows, {**key, "seed": 3, "collapsed": True}], "p.svg"), "**neighbour-forecast**")
    assert run[3:5] == ["4, 1 collapsed", "0.540 ± 0.040"]


def test_label_free_scores_are_ranked_within_stack_and_k(rows: Rows) -> None:
    text = importlib.import_module("_quality_report").page(rows, "p.svg")
    assert table_line(text, "a |") == ["a", "5", "+1.00", "-1.00"]
    assert table_line(text, "all stacks, runs only") == ["all stacks, runs only", "3", "+1.00", "-1.00"]


def test_an_easy_stack_does_not_pass_for_a_good_score(rows: Rows) -> None:
    ranking = importlib.import_module("_quality_ranking")
    # Within each stack the score is wrong; over both it would look right.
    easy = [
        {**row, "stack": "b", "merged_miou": row["merged_miou"] + 5, "label_free": {"csev": 10 - row["merged_miou"]}}
        for row in rows[1:]
    ]
    hard = [{**row, "label_free": {"csev": -row["merged_miou"]}} for row in rows[1:]]
    found = ranking.rank_correlation([*easy, *hard], "csev", "merged_miou")
    assert (found.value, found.n_rows) == (pytest.approx(-1.0), 10)


@pytest.mark.parametrize("n_rows", [0, 1, 2])
def test_too_few_rows_rank_nothing(n_rows: int, rows: Rows) -> None:
    ranking = importlib.import_module("_quality_ranking")
    found = ranking.rank_correlation(rows[1 : 1 + n_rows], "csev", "merged_miou")
    assert (found.cell, found.n_rows) == ("", 0)


def test_page_and_plot_are_written_and_linked(rows: Rows, tmp_path: Path) -> None:
    report = importlib.import_module("_quality_report")
    for folder in ("reference", "images"):
        (tmp_path / folder).mkdir()
    written, plot = report.write_page(rows, tmp_path / "reference" / "quality.md")
    assert plot == tmp_path / "images" / "quality.svg"
    assert "(../images/quality.svg)" in written.read_text("utf-8")
    picture = ElementTree.fromstring(plot.read_text("utf-8"))
    name = "{http://www.w3.org/2000/svg}"
    assert len(picture.findall(f"{name}circle")) == 1 + 3  # that of the legend, and a dot for each run
    assert "neighbour-forecast · K 20 · 60 s" in [text.text for text in picture.iter(f"{name}text")]


def test_a_stack_given_as_a_path_is_called_by_its_name(rows: Rows) -> None:
    moved = [{**row, "stack": "/data/of/mine.ome.tif"} for row in rows]
    text = importlib.import_module("_quality_report").page(moved, "p.svg")
    assert "## mine\n" in text
    assert "/data" not in text + importlib.import_module("_quality_plot").draw_plot(moved)


def test_a_plot_of_baselines_alone_or_of_nothing_is_drawn(rows: Rows) -> None:
    plot = importlib.import_module("_quality_plot")
    assert "baselines only · K 20" in plot.draw_plot(rows[:3])
    assert "baselines only" in plot.draw_plot(rows[:1])
    ElementTree.fromstring(plot.draw_plot([]))
