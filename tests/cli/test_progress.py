from __future__ import annotations

import json

import numpy as np
import pytest

from napari_em_autoclass.cli.progress import event_as_json, print_json, showing_events, spelled_duration, watched
from napari_em_autoclass.core.events import (
    Event,
    Notice,
    RunEnded,
    RunStarted,
    SnapshotTaken,
    StepDone,
    ViewRequest,
)

STARTED = RunStarted("r", 4, "cpu", "no GPU was found", (50.0, 4.0, 4.0), (8.0, 8.0), (6, 128, 96))
ENDED = RunEnded("r", 100, "finished", "Done.")


def step(number: int, skill: float | None = None) -> StepDone:
    terms = (("forecast", 5.0), ("balance", 0.25))
    return StepDone("r", number, number / 100, number / 2, terms, 5.25, 3.5, (0.25,) * 4, skill)


def test_an_event_becomes_json_with_its_name_and_without_pictures() -> None:
    picture = np.zeros((2, 3), np.uint8)
    view = ViewRequest(1, 0, 2, 0, 3, (4,))
    taken = event_as_json(SnapshotTaken("r", 7, "learning", view, picture, picture, ((4, picture),)))
    assert taken == {
        "event": "SnapshotTaken",
        "run_id": "r",
        "step": 7,
        "stage": "learning",
        "view": {"z": 1, "y0": 0, "y1": 2, "x0": 0, "x1": 3, "prob_classes": (4,), "serial": 0, "splits": ()},
    }
    assert event_as_json(step(3))["terms"] == (("forecast", 5.0), ("balance", 0.25))


def test_json_lines_are_one_event_each(capsys: pytest.CaptureFixture[str]) -> None:
    with showing_events(as_json=True) as show:
        for event in (STARTED, step(1), ENDED):
            show(event)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["RunStarted", "StepDone", "RunEnded"]
    assert lines[0]["shape_zyx"] == [6, 128, 96]


def test_numbers_that_json_lacks_become_null(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"iou": {"membrane": float("nan"), 2: 0.5}, "list": [float("inf")]})
    assert json.loads(capsys.readouterr().out) == {"iou": {"membrane": None, "2": 0.5}, "list": [None]}


def test_without_a_terminal_few_lines_tell_the_way(capsys: pytest.CaptureFixture[str]) -> None:
    events: list[Event] = [STARTED, *(step(n) for n in range(1, 101)), Notice("r", "Memory was short."), ENDED]
    with showing_events(as_json=False) as show:
        for event in events:
            show(event)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "4 classes from 6 sections of 128 x 96 px, voxel 50 x 4 x 4 nm"
    assert lines[1] == "computing on cpu: no GPU was found"
    assert lines[2] == "  1%  step 1  loss 5.250  3.5 effective classes"
    # The last step is told however soon it comes, with the speed and the time left.
    assert lines[-2] == "100%  step 100  loss 5.250  3.5 effective classes  2.0 steps/s  0 s left"
    assert "Memory was short." in lines
    assert lines[-1] == "Done."
    assert len(lines) == 6


def test_the_time_left_follows_the_fraction_done(capsys: pytest.CaptureFixture[str]) -> None:
    with showing_events(as_json=False) as show:
        for event in (step(1), step(11), ENDED):
            show(event)
    # 10 of 100 parts took 5 s, 89 are left.
    assert "44 s left" in capsys.readouterr().out


def test_on_a_terminal_there_is_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "140")
    with showing_events(as_json=False) as show:
        for event in (STARTED, step(50), step(60), ENDED):
            show(event)
    said = capsys.readouterr().out
    assert "━" in said
    assert "3.5 effective classes" in said
    assert "2.0 steps/s" in said
    assert "voxel 50 x 4 x 4 nm" in said


@pytest.mark.parametrize("terminal", [False, True])
def test_watched_items_all_pass(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    assert list(watched(iter(range(5)), 5, "predicting")) == [0, 1, 2, 3, 4]


def test_quiet_watching_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(watched([1, 2], 2, "predicting", quiet=True)) == [1, 2]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (7800, "2 h 10 min"), (-1, "0 s")],
)
def test_durations_are_spelled_as_people_say_them(seconds: float, text: str) -> None:
    assert spelled_duration(seconds) == text
