"""What is shown of blocks: lines now and then, JSON for machines, the time left by this attempt alone."""

from __future__ import annotations

import json

import pytest

from napari_em_autoclass.cli import block_progress
from napari_em_autoclass.cli.block_progress import showing_blocks
from napari_em_autoclass.io.predict_map import Made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give the time, which stands still until it is set."""
    now = [100.0]
    monkeypatch.setattr(block_progress.time, "monotonic", lambda: now[0])
    return now


def test_a_line_comes_now_and_then_with_the_time_left(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with showing_blocks(as_json=False) as show:
        for done in range(61):
            clock[0] = 100.0 + done
            show(Made(40 + done, 100))
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "going on: 40 of 100 blocks were finished before"
    assert said[1] == "predicting:  50%, 50 s left"
    assert len(said) == 1 + 5  # every ten seconds, and not when all is done


def test_machines_get_the_same_as_json(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with showing_blocks(as_json=True) as show:
        show(Made(0, 4))
        clock[0] += 30
        show(Made(1, 4))
        clock[0] += 1
        show(Made(2, 4))
    (said,) = capsys.readouterr().out.splitlines()
    assert json.loads(said) == {"event": "BlocksDone", "done": 1, "blocks": 4, "left_s": 90.0}


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    monkeypatch.setattr(block_progress, "Console", lambda: Console(force_terminal=True, width=100))
    with showing_blocks(as_json=False) as show:
        show(Made(2, 4))
        show(Made(3, 4))
        show(Made(4, 4))
    said = capsys.readouterr().out
    assert "going on: 2 of 4 blocks were finished before" in said
    assert "4 of 4 blocks" in said
