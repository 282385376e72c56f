"""Runs save themselves in the user's data folder, never over one another."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from napari_em_autoclass.gui.run_place import new_run_dir, runs_folder

NOW = datetime(2026, 5, 4, 3, 2, 1)


def test_a_run_is_named_after_stack_and_time(qapp: Any) -> None:
    folder = new_run_dir("medulla.ome.tif", NOW)
    assert folder.name == "medulla.ome.tif-2026-05-04-030201"
    assert folder.parent == runs_folder()
    assert not folder.exists()


def test_two_runs_in_one_second_get_two_folders(qapp: Any) -> None:
    first = new_run_dir("a", NOW)
    first.mkdir(parents=True)
    second = new_run_dir("a", NOW)
    second.mkdir()
    assert len({first, second, new_run_dir("a", NOW)}) == 3


def test_names_that_are_no_folder_names_are_made_so(qapp: Any) -> None:
    assert new_run_dir("../a b/ç:*?", NOW).parent == runs_folder()
    assert new_run_dir("", NOW).name.startswith("stack-")
