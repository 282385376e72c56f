from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from napari_em_autoclass.cli.classes import class_rows
from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.history import History


@pytest.fixture
def run(trained_run: Path, tmp_path: Path) -> Path:
    """Give a copy of the trained run, to be edited."""
    shutil.copytree(trained_run, tmp_path / "run")
    return tmp_path / "run"


def listed(em_autoclass: Any, run: Path, *edit: object) -> list[dict[str, Any]]:
    ended = em_autoclass("classes", run, *edit, "--json")
    assert (ended.code, ended.err) == (0, "")
    rows: list[dict[str, Any]] = json.loads(ended.out)["classes"]
    return rows


def test_the_table_lists_every_class_with_its_share(em_autoclass: Any, run: Path) -> None:
    lines = em_autoclass("classes", run).out.splitlines()
    assert len(lines) == 5
    assert "class 4" in lines[4]
    assert "#e69f00" in lines[1]
    shares = [row["share"] for row in listed(em_autoclass, run)]
    assert sum(shares) == pytest.approx(1)


def test_a_run_that_was_not_classified_yet_has_no_shares(run: Path) -> None:
    shutil.rmtree(run / "snapshot")
    assert {row.share for row in class_rows(RunFolder.open(run))} == {None}


def test_merge_name_undo_and_redo_last_across_processes(em_autoclass: Any, run: Path) -> None:
    before = listed(em_autoclass, run)
    merged = listed(em_autoclass, run, "--merge", "2,4", "--name", "mitochondria")
    assert [row["id"] for row in merged] == [1, 2, 3]
    assert (merged[1]["name"], merged[1]["members"]) == ("mitochondria", [2, 4])
    assert merged[1]["share"] == pytest.approx(before[1]["share"] + before[3]["share"])
    assert listed(em_autoclass, run, "--undo") == before
    assert listed(em_autoclass, run, "--redo") == merged
    assert listed(em_autoclass, run, "--unmerge", 4) == before


def test_each_edit_does_what_its_option_says(em_autoclass: Any, run: Path) -> None:
    assert listed(em_autoclass, run, "--rename", 3, "cytoplasm, light")[2]["name"] == "cytoplasm, light"
    assert listed(em_autoclass, run, "--color", 3, "#0A0b0c")[2]["color"] == "#0a0b0c"
    assert [row["visible"] for row in listed(em_autoclass, run, "--hide", "1,2")] == [False, False, True, True]
    assert [row["visible"] for row in listed(em_autoclass, run, "--show", "2")] == [False, True, True, True]
    assert [row["locked"] for row in listed(em_autoclass, run, "--lock", "1,4")] == [True, False, False, True]
    assert [row["locked"] for row in listed(em_autoclass, run, "--unlock", "1")] == [False, False, False, True]
    text = em_autoclass("classes", run).out
    assert "hidden" in text
    assert "locked" in text
    assert "cytoplasm, light" in text


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (["--merge", "3"], "at least two"),
        (["--merge", "3,9"], "no class 9"),
        (["--merge", "a,b"], "write e.g. 3,7"),
        (["--rename", "0", "x"], "no class 0"),
        (["--rename", "one", "x"], "--rename"),
        (["--color", "1", "red"], "#rrggbb"),
        (["--unmerge", "1"], "not merged"),
        (["--undo"], "nothing to undo"),
        (["--redo"], "nothing to redo"),
        (["--name", "x"], "--merge"),
        (["--merge", "1,2", "--undo"], "one edit at a time"),
    ],
)
def test_edits_that_make_no_sense_change_nothing(edit: list[str], says: str, em_autoclass: Any, run: Path) -> None:
    before = (run / "classes.json").read_bytes()
    ended = em_autoclass("classes", run, *edit)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert says in ended.err
    assert (run / "classes.json").read_bytes() == before


def test_damaged_classes_are_mended_and_it_is_said(em_autoclass: Any, run: Path) -> None:
    em_autoclass("classes", run, "--rename", "1", "axon")
    em_autoclass("classes", run, "--rename", "2", "dendrite")
    (run / "classes.json").write_text("{")
    ended = em_autoclass("classes", run)
    assert ended.code == 0
    assert "classes.json was damaged: names and merges are those before the last edit" in ended.err
    assert "axon" in ended.out
    assert "dendrite" not in ended.out


def test_an_edit_during_another_is_refused_and_loses_nothing(
    em_autoclass: Any, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = RunFolder.history.fget

    def overtaken(folder: RunFolder) -> History:
        mine = read(folder)
        if mine.revision == 0:
            folder.save_history(mine.do(mine.present.rename(2, "theirs")))
        return mine

    monkeypatch.setattr(RunFolder, "history", property(overtaken))
    ended = em_autoclass("classes", run, "--rename", "1", "axon")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "were changed by another program in the meantime; try again" in ended.err
    assert RunFolder.open(run).history.present.name_of(2) == "theirs"
