from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.merge_tree import MergeTree


@pytest.fixture
def run(trained_run: Path, tmp_path: Path) -> Path:
    """Give a copy of the trained run, to be edited."""
    shutil.copytree(trained_run, tmp_path / "run")
    return tmp_path / "run"


def test_a_suggestion_changes_nothing_and_tells_groups_and_tree(em_autoclass: Any, run: Path, stack: Path) -> None:
    before = (run / "classes.json").read_bytes()
    ended = em_autoclass("classes", run, "--suggest", 3, "--volume", stack, "--json")
    assert (ended.code, ended.err) == (0, "")
    told = json.loads(ended.out)
    assert len(told["groups"]) == 3
    grouped = [class_id for group in told["groups"] for class_id in group]
    assert sorted([*grouped, *told["left_as_they_are"]]) == [1, 2, 3, 4]
    assert [list(group) for group in MergeTree.from_json(told["tree"]).cut(3)] == told["groups"]
    assert (run / "classes.json").read_bytes() == before
    lines = em_autoclass("classes", run, "--suggest", 3).out.splitlines()  # the stack it learned from is still there
    assert lines[0].split()[:2] == ["group", "1"]
    assert "--apply" in lines[-1]


def test_applied_groups_are_one_edit(em_autoclass: Any, run: Path, stack: Path) -> None:
    groups = json.loads(em_autoclass("classes", run, "--suggest", 3, "--json").out)["groups"]
    rows = json.loads(em_autoclass("classes", run, "--suggest", 3, "--apply", "--json").out)["classes"]
    assert [row["members"] for row in rows if len(row["members"]) > 1] == [group for group in groups if len(group) > 1]
    assert len(RunFolder.open(run).history.past) == 1
    assert len(json.loads(em_autoclass("classes", run, "--undo", "--json").out)["classes"]) == 4


def test_locked_classes_stay_out(em_autoclass: Any, run: Path) -> None:
    em_autoclass("classes", run, "--lock", "1,2,3")
    assert json.loads(em_autoclass("classes", run, "--suggest", 3, "--json").out)["groups"] == [[1], [2], [3], [4]]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--suggest", "2"], "--suggest"),
        (["--apply"], "belong to --suggest"),
        (["--volume", "x.tif"], "belong to --suggest"),
        (["--suggest", "3", "--undo"], "one edit at a time"),
        (["--suggest", "3", "--volume", "nowhere.tif"], "nowhere.tif"),
    ],
)
def test_options_that_make_no_sense_change_nothing(options: list[str], says: str, em_autoclass: Any, run: Path) -> None:
    before = (run / "classes.json").read_bytes()
    ended = em_autoclass("classes", run, *options)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert says in ended.err
    assert (run / "classes.json").read_bytes() == before


def test_a_stack_that_moved_is_asked_for(em_autoclass: Any, run: Path, stack: Path, tmp_path: Path) -> None:
    record = json.loads((run / "run.json").read_text())
    record["volume"]["source"] = str(tmp_path / "gone.tif")
    (run / "run.json").write_text(json.dumps(record))
    ended = em_autoclass("classes", run, "--suggest", 3)
    assert (ended.code, ended.out) == (2, "")
    assert "write --volume STACK" in ended.err
    assert em_autoclass("classes", run, "--suggest", 3, "--volume", stack).code == 0
