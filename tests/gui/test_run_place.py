"""Runs save themselves in the user's data folder, never over one another."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.run_lock import LOCK_NAME
from napari_em_autoclass.gui.run_place import (
    copy_run,
    mark_cut_off,
    new_run_dir,
    region_of,
    runs_folder,
    was_closed_midway,
)

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


def test_the_part_learned_from_is_read_from_the_run(tmp_path: Path) -> None:
    assert region_of(None) is None
    assert region_of(tmp_path) is None
    contents = ("{", '{"settings": {"region": null}}', '{"settings": {"region": "0:1"}}')
    for content, region in zip(contents, (None, None, "0:1"), strict=True):
        (tmp_path / "run.json").write_text(content)
        assert region_of(tmp_path) == region


def test_a_run_is_copied_as_a_whole_without_what_its_writer_needs(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "snapshot").mkdir(parents=True)
    for name in ("run.json", LOCK_NAME, "snapshot/latest.npz", ".run.json.partial-12"):
        (run / name).touch()
    copy_run(run, tmp_path / "copy")
    copied = {at.relative_to(tmp_path / "copy").as_posix() for at in (tmp_path / "copy").rglob("*")}
    assert copied == {"run.json", "snapshot", "snapshot/latest.npz"}
    with pytest.raises(InputError, match="exists already"):
        copy_run(run, tmp_path / "copy")
    with pytest.raises(InputError, match="does not exist"):
        copy_run(run, tmp_path / "gone" / "copy")


def test_a_run_whose_window_was_closed_midway_says_so_until_it_goes_on(tmp_path: Path) -> None:
    mark_cut_off(None, True)
    mark_cut_off(tmp_path, True)  # no run yet
    assert not was_closed_midway(tmp_path)
    (tmp_path / "run.json").touch()
    mark_cut_off(tmp_path, True)
    assert was_closed_midway(tmp_path)
    copy_run(tmp_path, tmp_path.with_name("copy"))
    assert not was_closed_midway(tmp_path.with_name("copy"))
    mark_cut_off(tmp_path, False)
    assert not was_closed_midway(tmp_path)
