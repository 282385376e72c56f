"""A folder that is complete after each recipe, goes on where it was, and refuses another comparison."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runs import steps_of

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.comparison.comparer import Comparer, RecipeDone
from napari_em_autoclass.core.comparison.map_scores import MapScorer
from napari_em_autoclass.core.comparison.rows import RecipeRow
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import StepDone
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.io.comparison_folder import ComparisonFolder, wished_for


@pytest.fixture
def volume(phantom: Any) -> Volume:
    return Volume(phantom.raw, phantom.voxel_size_nm, "phantom")


@pytest.fixture
def folder(tmp_path: Path, volume: Volume, phantom: Any) -> ComparisonFolder:
    return ComparisonFolder.open(tmp_path / "out", {"seed": 0}, volume, phantom.labels)


def compared(folder: ComparisonFolder, settings: RunSettings, *names: str) -> Comparer:
    recipes = {name: settings.replace(recipe=name) for name in folder.missing(names)}
    return Comparer(MapScorer(folder.volume, folder.labels), recipes, folder)


def test_after_each_recipe_the_folder_is_complete(folder: ComparisonFolder, fast_settings: RunSettings) -> None:
    for event in compared(folder, fast_settings, "one", "two").events():
        if isinstance(event, RecipeDone):
            assert json.loads((folder.path / "compare.json").read_text())["rows"][0]["outcome"] == "finished"
            assert event.row.recipe in (folder.path / "compare.md").read_text()
            assert event.row.recipe in (folder.path / "compare.csv").read_text()
            assert (folder.path / "compare.png").read_bytes().startswith(b"\x89PNG")
    assert [row.recipe for row in folder.rows()] == ["one", "two"]
    assert set(folder.maps()) == {"one", "two"}
    assert RunFolder.open(folder.run_dir("two")).settings.recipe == "two"


def test_recipes_that_have_a_row_are_not_run_again(folder: ComparisonFolder, fast_settings: RunSettings) -> None:
    list(compared(folder, fast_settings, "one").events())
    again = ComparisonFolder.open(folder.path, {"seed": 0}, folder.volume, folder.labels)
    assert again.rows() == folder.rows()
    assert again.missing(("one", "two")) == ("two",)


def test_a_failed_recipe_is_tried_again_and_its_error_kept(folder: ComparisonFolder) -> None:
    folder.keep(RecipeDone("run", RecipeRow("bad", "failed", "RuntimeError: no"), None, "Traceback: no"))
    assert folder.missing(("bad",)) == ("bad",)
    assert (folder.run_dir("bad") / "crash.log").read_text() == "Traceback: no"
    folder.keep(RecipeDone("run", RecipeRow("bad", "failed", "RuntimeError: again")))
    assert [row.reason for row in folder.rows()] == ["RuntimeError: again"]


def test_an_interrupted_run_goes_on_where_it_was(folder: ComparisonFolder, fast_settings: RunSettings) -> None:
    comparer = compared(folder, fast_settings, "one")
    for event in comparer.events():
        if isinstance(event, StepDone) and event.step == 2:
            comparer.stop()
    assert folder.rows() == ()
    events = list(compared(folder, fast_settings, "one").events())
    assert [event.step for event in steps_of(events)] == [3]
    assert "first_map_s" not in folder.rows()[0].figures


def test_a_run_with_other_settings_or_damage_begins_anew(folder: ComparisonFolder, fast_settings: RunSettings) -> None:
    comparer = compared(folder, fast_settings, "one")
    for event in comparer.events():
        if isinstance(event, StepDone):
            comparer.stop()
    (folder.run_dir("one") / "weights.safetensors").write_bytes(b"damaged")
    (folder.run_dir("one") / "run.json").write_text("{")
    events = list(compared(folder, fast_settings, "one").events())
    assert [event.step for event in steps_of(events)] == [1, 2, 3]


@pytest.mark.parametrize("change", ["seed", "stack"])
def test_another_comparison_is_refused(change: str, folder: ComparisonFolder) -> None:
    volume = folder.volume
    if change == "stack":
        volume = Volume(255 - np.asarray(volume.data), volume.voxel_size_nm, "phantom")
    wishes = {"seed": 1 if change == "seed" else 0}
    with pytest.raises(InputError, match=r"holds another comparison .*; choose another folder"):
        ComparisonFolder.open(folder.path, wishes, volume, folder.labels)


@pytest.mark.parametrize("content", ["{", '{"schema_version": 99}', "[]"])
def test_a_damaged_folder_is_refused(content: str, folder: ComparisonFolder) -> None:
    (folder.path / "compare.json").write_text(content)
    with pytest.raises(InputError):
        ComparisonFolder.open(folder.path, {"seed": 0}, folder.volume)


def test_somebody_elses_folder_is_left_alone(tmp_path: Path, volume: Volume) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="holds no comparison"):
        ComparisonFolder.open(tmp_path, {}, volume)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_row_cut_short_by_a_crash_is_left_out(folder: ComparisonFolder) -> None:
    folder.keep(RecipeDone("run", RecipeRow("bad", "failed", "no")))
    with (folder.path / "compare.jsonl").open("a") as file:
        file.write('{"recipe": "ha')
    assert [row.recipe for row in folder.rows()] == ["bad"]


def test_what_all_recipes_share_is_kept(fast_settings: RunSettings) -> None:
    assert wished_for(fast_settings) == {"classes": 4, "seed": 0, "seconds": None, "steps": 3, "device": "cpu"}
