"""A run that goes on can be told from one that was cut off."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from napari_em_autoclass.gui.run_mark import ALIVE_S, MARK, RunMark, is_learning, was_cut_off
from napari_em_autoclass.gui.session import RunState, Session
from napari_em_autoclass.gui.wishes import Wishes


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


def test_a_run_that_begins_is_marked_until_it_ends(qapp: Any, run_dir: Path, fake_run: Any) -> None:
    mark, run = RunMark(lambda: run_dir), fake_run()
    assert not is_learning(run_dir)
    mark.on_event(run.started())
    assert is_learning(run_dir)
    assert not was_cut_off(run_dir)
    mark.on_event(run.ended("collapsed"))
    assert not is_learning(run_dir)
    assert not was_cut_off(run_dir)


def test_a_mark_that_nobody_touches_is_that_of_a_crash(qapp: Any, run_dir: Path) -> None:
    mark = RunMark(lambda: run_dir)
    mark.begin(run_dir)
    mark._beat.stop()  # what a crash does
    old = time.time() - ALIVE_S - 1
    os.utime(run_dir / MARK, (old, old))
    assert was_cut_off(run_dir)
    assert not is_learning(run_dir)


def test_a_run_that_goes_on_is_touched_again_and_again(qtbot: Any, run_dir: Path) -> None:
    mark = RunMark(lambda: run_dir)
    mark._beat.setInterval(10)
    mark.begin(run_dir)
    os.utime(run_dir / MARK, (0, 0))
    qtbot.waitUntil(lambda: is_learning(run_dir), timeout=3000)
    mark.end()


def test_a_run_left_while_it_goes_on_counts_as_cut_off_at_once(qtbot: Any, session: Session, run_dir: Path) -> None:
    session.start(Wishes(), run_dir)
    qtbot.waitUntil(lambda: session.state is RunState.LEARNING, timeout=3000)
    assert is_learning(run_dir)
    session.close()
    assert was_cut_off(run_dir)


def test_a_run_that_fails_counts_as_cut_off_and_one_that_is_stopped_does_not(
    qtbot: Any, session: Session, run_dir: Path, runs: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    for failure, is_cut_off in ((RuntimeError("out of memory"), True), (None, False)):
        session.start(Wishes(), run_dir)
        qtbot.waitUntil(lambda: session.state is RunState.LEARNING, timeout=3000)
        runs[-1].failure = failure
        if failure is None:
            session.stop()
        qtbot.waitUntil(lambda: session.state is RunState.IDLE, timeout=3000)
        assert was_cut_off(run_dir) is is_cut_off


def test_a_folder_that_is_gone_is_not_made_again(qapp: Any, tmp_path: Path) -> None:
    mark = RunMark(lambda: None)
    mark.begin(tmp_path / "gone")
    mark.end()
    mark.abandon()
    assert not (tmp_path / "gone").exists()
