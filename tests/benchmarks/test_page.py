from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

MACHINE = {"processor": "Abacus", "cores": 2, "threads": 1, "python": "3.11", "torch": "2.13", "date": "2026-11-28"}
MACHINE |= {"load": 0.1, "commit": "abc"}
SVG = "{http://www.w3.org/2000/svg}"


def row(name: str, median: float, *, kept: bool) -> dict[str, Any]:
    told = {"part": "step", "name": name, "question": f"question {name}", "target": 1.1, "at_least": False}
    return told | {"median": median, "min": median, "max": median + 1, "rounds": 3, "kept": kept, "machine": MACHINE}


CURVE = {"part": "curves", "name": "voxels", "what": "sections", "factors": [1, 2, 4], "seconds": [0.5, 1.0, 2.0]}
CURVE |= {"peak_mb": [100.0, 101.0, 102.0], "exponent": 1.0, "machine": MACHINE}


@pytest.fixture
def page() -> Any:
    return importlib.import_module("page")


def test_a_miss_is_named_with_its_figures_and_its_reason(page: Any) -> None:
    rows = [row("step_early", 1.31, kept=False), row("step", 1.25, kept=False), row("predict", 0.95, kept=True)]
    text = page.page(rows, [], "p.svg")
    assert "| question step_early | ≤ 1.10 | **1.310** | 1.31 to 2.31 (3 rounds) | **no** |" in text
    assert f"- `step` (1.31, 1.25). {page._WHY['step']}" in text
    assert "`predict`" not in text
    assert "Abacus" in text


def test_the_reason_of_a_row_is_that_of_the_longest_name_it_begins_with(page: Any) -> None:
    assert [page._known(name) for name in ("step_loss_late", "step_late", "unheard_of")] == [
        "step_loss",
        "step",
        "unheard_of",
    ]


def test_without_misses_the_page_says_so(page: Any) -> None:
    assert "All of these are kept." in page.page([row("step", 1.0, kept=True)], [], "p.svg")


def test_page_and_curves_are_written_from_the_rows_that_are_there(page: Any, tmp_path: Path) -> None:
    results, docs = tmp_path / "results", tmp_path / "docs"
    for folder in (results, docs / "reference", docs / "images"):
        folder.mkdir(parents=True)
    out = docs / "reference" / "benchmarks.md"
    assert page.written(results, out) == [out]  # nothing was measured yet
    (results / "speed.json").write_text(json.dumps([row("step", 1.0, kept=True), CURVE]))
    assert page.written(results, out) == [out, docs / "images" / "speed.svg"]
    assert "| voxels | sections | 0.5 to 2 | 100 to 102 | 1.00 |" in out.read_text("utf-8")
    picture = ElementTree.fromstring((docs / "images" / "speed.svg").read_text("utf-8"))
    lines = [element.get("points", "").split() for element in picture.iter(f"{SVG}polyline")]
    assert [len(points) for points in lines] == [3, 3]
    heights = [[float(point.split(",")[1]) for point in points] for points in lines]
    assert heights[0][0] - heights[0][1] == pytest.approx(heights[0][1] - heights[0][2], abs=0.2)  # twice is twice
    assert heights[1][0] - heights[1][2] < 5  # memory hardly grows


def test_memory_that_was_not_told_is_not_drawn() -> None:
    plot = importlib.import_module("_speed_plot")
    text = plot.draw_curves([{**CURVE, "peak_mb": [None, None, None]}])
    assert text.count("<polyline") == 1
    ElementTree.fromstring(plot.draw_curves([]))


def test_the_rows_of_the_peers_are_read_as_their_benchmark_writes_them(page: Any, tmp_path: Path) -> None:
    peers, out = importlib.import_module("peers"), tmp_path / "docs" / "reference" / "benchmarks.md"
    out.parent.mkdir(parents=True)
    figures = {"merged_miou": 0.454, "seconds": 13.0, "peak_mb": 654, "note": ""}
    key = {"stack": "isbi", "method": "k-means", "classes": 20, "budget_s": 60.0}
    peers.write_rows(tmp_path / "peers.json", [key | figures])
    page.written(tmp_path, out)
    text = out.read_text("utf-8")
    assert "### isbi\n" in text
    assert "0.454" in text
    assert "- k-means on filters: scikit-image's" in text
