"""Decisions go into the folder of their run, and nowhere before there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_run import K, make_tiny_run

from napari_em_autoclass.core.checkpoint import RunFolder
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
