from __future__ import annotations

import json

import pytest
from rich.console import Console

from napari_em_autoclass.cli import compare_progress
from napari_em_autoclass.cli.compare_progress import ComparisonShown, table_of
from napari_em_autoclass.core.comparison.comparer import ComparisonEnded, RecipeBegun, RecipeDone, RecipeScored
from napari_em_autoclass.core.comparison.rows import RecipeRow
from napari_em_autoclass.core.events import StepDone

GOOD = RecipeRow("good", "finished", "", {"csev": 0.5, "effective_classes": 9.0, "z_kappa": 0.3})
FLAT = RecipeRow("flat", "collapsed", "nearly one class", {"csev": 0.1, "effective_classes": 1.0})
EVENTS = (
    RecipeBegun("run", "good", 1, 1),
    StepDone("run", 5, 0.5, 10.0, (), 1.0, 7.5, (0.5, 0.5)),
    RecipeScored("run", "good", 0.5),
    RecipeDone("run", GOOD),
    ComparisonEnded("run", False),
)


def text_of(*rows: RecipeRow, width: int = 200, main_only: bool = False) -> str:
    console = Console(width=width, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as capture:
        console.print(table_of(rows, main_only))
    return capture.get()


def test_the_table_has_the_best_first_and_the_reason_last() -> None:
    lines = text_of(FLAT, GOOD).splitlines()
    assert lines[0].split()[:2] == ["recipe", "CSEV"]
    assert lines[1].startswith("good")
    assert lines[2].rstrip().endswith("collapsed: nearly one class")


def test_a_narrow_terminal_shows_the_main_columns() -> None:
    assert "z kappa" in text_of(GOOD)
    assert "z kappa" not in text_of(GOOD, main_only=True)


def test_lines_tell_how_it_goes(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare_progress, "_LINE_EVERY_S", 0.0)
    with ComparisonShown(False, [FLAT]) as shown:
        for event in EVENTS:
            shown.show(event)
    out = capsys.readouterr().out
    assert "1 of 1  good:  50%, 7.5 classes in effect, 10 s left" in out
    assert "1 of 1  good: scoring,  50%" in out
    assert "1 of 1  good: finished, CSEV .500, classes 9.0" in out
    assert "flat" in out  # the rows of before are in the table


def test_json_tells_rows_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with ComparisonShown(True, [FLAT]) as shown:
        for event in EVENTS:
            shown.show(event)
    assert json.loads(capsys.readouterr().out) == GOOD.to_json()


def test_on_a_terminal_the_table_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    consoles: list[Console] = []

    def console(**options: int) -> Console:
        import io

        consoles.append(Console(force_terminal=True, width=120, file=io.StringIO(), **options))
        return consoles[-1]

    monkeypatch.setattr(compare_progress, "Console", console)
    with ComparisonShown(False) as shown:
        for event in EVENTS:
            shown.show(event)
    assert "good" in consoles[0].file.getvalue()  # type: ignore[attr-defined]
