"""Decisions go into the folder of their run, and nowhere before there is one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_run import K, make_tiny_run

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.class_file import ChangedElsewhere
from napari_em_autoclass.core.class_map import ClassMap, History
from napari_em_autoclass.gui.saved_decisions import save_decisions


def test_without_a_run_there_is_nothing_to_do(tmp_path: Path) -> None:
    history = History.of(ClassMap.fresh(K))
    assert save_decisions(None, history, pytest.fail) is None
    assert save_decisions(tmp_path / "not begun", history, pytest.fail) is None


def test_they_are_saved_in_the_run_and_damaged_ones_put_aside(phantom: Any, tmp_path: Path) -> None:
    run_dir, _ = make_tiny_run(phantom, tmp_path)
    (run_dir / "classes.json").write_text("{")
    said: list[tuple[str, bool]] = []
    history = History.of(ClassMap.fresh(K)).do(ClassMap.fresh(K).rename(1, "axon"))
    saved = save_decisions(run_dir, history, lambda *told: said.append(told))
    assert saved is not None
    assert RunFolder.open(run_dir).history.present.name_of(1) == "axon"
    assert [is_error for _, is_error in said] == [True]


def test_of_another_run_they_are_put_aside_too(phantom: Any, tmp_path: Path) -> None:
    run_dir, _ = make_tiny_run(phantom, tmp_path)
    (run_dir / "classes.json").write_text(json.dumps(History.of(ClassMap.fresh(K + 1)).to_json()))
    said: list[str] = []
    history = History.of(ClassMap.fresh(K).rename(1, "axon"))
    saved = save_decisions(run_dir, history, lambda sentence, is_error: said.append(sentence))
    assert saved is not None
    assert "was of another run" in said[0]
    assert RunFolder.open(run_dir).history.present.name_of(1) == "axon"


def test_what_another_program_saved_is_not_overwritten(phantom: Any, tmp_path: Path) -> None:
    run_dir, _ = make_tiny_run(phantom, tmp_path)
    mine = RunFolder.open(run_dir).history
    RunFolder.open(run_dir).save_history(mine.do(mine.present.rename(4, "theirs")))
    with pytest.raises(ChangedElsewhere):
        save_decisions(run_dir, mine.do(mine.present.rename(4, "mine")), pytest.fail)
    assert RunFolder.open(run_dir).history.present.name_of(4) == "theirs"
