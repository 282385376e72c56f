"""The runs of a stack are found again, without torch."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tiny_run import make_run_files

from napari_em_autoclass.core.run_lock import LOCK_NAME, RunLock
from napari_em_autoclass.gui.past_runs import PastRun, past_runs
from napari_em_autoclass.gui.run_place import mark_cut_off

OURS, OTHER = "0123456789abcdef", "fedcba9876543210"


def test_the_runs_of_a_stack_are_listed_the_newest_first(tmp_path: Path) -> None:
    make_run_files(tmp_path / "a", OURS, age_s=100)
    make_run_files(tmp_path / "b", OURS, step=7, stage="learning")
    make_run_files(tmp_path / "c", OTHER)
    assert [(run.path.name, run.step, run.stage) for run in past_runs(OURS, tmp_path)] == [
        ("b", 7, "learning"),
        ("a", 240, "done"),
    ]


def test_a_run_that_was_cut_off_is_told_and_one_that_goes_on_is_left_out(tmp_path: Path) -> None:
    crashed = make_run_files(tmp_path / "a", OURS, stage="learning")
    (crashed / LOCK_NAME).touch()
    lock = RunLock.take(make_run_files(tmp_path / "b", OURS))
    (found,) = past_runs(OURS, tmp_path)
    lock.release()
    assert (found.path, found.cut_off) == (crashed, True)


@pytest.mark.parametrize("name", ["run.json", "weights.safetensors"])
def test_a_damaged_run_is_passed_over(tmp_path: Path, name: str) -> None:
    (make_run_files(tmp_path / "a", OURS) / name).write_bytes(b"{")
    assert past_runs(OURS, tmp_path) == ()


def test_without_a_folder_there_are_no_runs(tmp_path: Path, qapp: Any) -> None:
    assert past_runs(OURS, tmp_path / "none") == ()
    assert past_runs(OURS) == ()


def test_the_title_says_when_how_far_and_how_it_ended() -> None:
    saved = datetime(2026, 5, 4, 14, 2)
    run = PastRun(Path("r"), "filters", 12, 240, "done", saved, False)
    assert run.title(datetime(2026, 5, 4, 20)) == "today 14:02 · step 240 · filters · 12 classes"
    assert run.title(datetime(2026, 5, 5, 1)).startswith("yesterday 14:02")
    assert run.title(datetime(2026, 6, 5)).startswith("04 May 2026 14:02")
    cut_off = PastRun(Path("r"), "filters", 12, 240, "learning", saved, True)
    assert cut_off.title(saved).endswith("interrupted")


def test_listing_imports_no_torch(tmp_path: Path) -> None:
    make_run_files(tmp_path / "a", OURS)
    program = (
        "import sys, pathlib; from napari_em_autoclass.gui.past_runs import past_runs;"
        f"print(len(past_runs({OURS!r}, pathlib.Path({str(tmp_path)!r}))), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["1", "False"], done.stderr


@pytest.mark.parametrize(("stage", "cut_off"), [("learning", True), ("done", False)])
def test_a_run_whose_window_was_closed_midway_was_cut_off(tmp_path: Path, stage: str, cut_off: bool) -> None:
    mark_cut_off(make_run_files(tmp_path / "a", OURS, stage=stage), True)
    (found,) = past_runs(OURS, tmp_path)
    assert found.cut_off == cut_off
