"""The commands that repeat a run give exactly its settings, read by the command line's own parser."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_run import copy_run, make_tiny_run, tiny_settings

from napari_em_autoclass.cli.app import app
from napari_em_autoclass.cli.train import Wishes, _without_damage
from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.label_start import LabelStart
from napari_em_autoclass.core.recipe import recipe_names
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting, load_recipe
from napari_em_autoclass.core.volume import Volume, fingerprint
from napari_em_autoclass.gui import command_lines as module
from napari_em_autoclass.gui.command_lines import Writing, command_lines, train_words
from napari_em_autoclass.io import open_volume

STACK = Volume(np.zeros((40, 64, 64), np.uint8), (50.0, 4.0, 4.0))


def parsed(command: str, words: tuple[str, ...]) -> dict[str, Any]:
    """Return the options as the command line's own parser reads them."""
    of_name = typer.main.get_command(app).commands[command]  # type: ignore[attr-defined]
    return dict(of_name.make_context(command, list(words)).params)


def settings_of_command(words: tuple[str, ...]) -> RunSettings:
    """Return the settings of the run that ``em-autoclass train`` would begin."""
    options = parsed("train", words)
    names = ("recipe", "classes", "steps", "seconds", "seed", "device", "threads")
    known = {name: options[name] for name in (*names, "region", "skip_sections")}
    wishes = Wishes(**known, assignments=tuple(options["assignments"] or ()))
    return _without_damage(wishes.settings(), STACK, options["skip_sections"])


def repeated(run: RunSettings, folder: Path) -> RunSettings:
    return settings_of_command(("stack.tif", "--out", "again", *train_words(run, folder)))


@pytest.fixture(scope="module")
def made(phantom: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_tiny_run(phantom, tmp_path_factory.mktemp("my runs"), "terms.balance.weight=2.5", "seed=7")


@pytest.mark.parametrize("recipe", recipe_names())
def test_every_recipe_is_repeated(recipe: str, tmp_path: Path) -> None:
    run = load_recipe(recipe)
    assert repeated(run, tmp_path) == run
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "changes",
    [
        ("n_classes=7", "seed=3", "device=cpu", "training.threads=3"),
        ("training.steps=90",),
        ("training.seconds=77.25",),
        ("region=0:9,5:40,:", "skip_sections=[2, 7, 8, 9]"),
        ("terms.balance.weight=0", "terms.koleo.weight=0.25"),  # koleo is none of this recipe's
        ("classifier.filter_scales_nm=[8.0, 16.0]", "working_pixel_nm=4.5", "tiles.shift_nm=90"),
    ],
)
def test_settings_that_differ_are_repeated(changes: tuple[str, ...], tmp_path: Path) -> None:
    run = load_recipe("neighbour-forecast")
    for change in changes:
        run = apply_setting(run, change)
    assert run != load_recipe("neighbour-forecast")
    assert repeated(run, tmp_path) == run
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_starts_from_labels_names_their_image(tmp_path: Path) -> None:
    start = LabelStart(source="my labels.tif", labels=(1, 7), responses=((0.0,) * 16, (1.0,) * 16))
    run = load_recipe("neighbour-forecast").replace(start=start)
    words = train_words(run, tmp_path)
    assert parsed("train", ("stack.tif", "--out", "again", *words))["start"] == "my labels.tif"
    # They are measured anew, so that the numbers need not be said.
    assert repeated(run, tmp_path) == run.replace(start=None)
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=25, deadline=None)
@given(weights=st.lists(st.floats(0, 10), min_size=3, max_size=3), rate=st.floats(1e-6, 1), steps=st.integers(1, 10**8))
def test_numbers_are_repeated_to_the_last_digit(weights: list[float], rate: float, steps: int) -> None:
    run = tiny_settings(f"training.learning_rate={rate!r}", f"training.steps={steps}")
    terms = tuple(t.replace(weight=w) for t, w in zip(run.terms, weights, strict=False)) + run.terms[len(weights) :]
    run = run.replace(terms=terms)
    assert repeated(run, Path("/nowhere")) == run


def test_what_no_option_says_goes_into_a_file_beside_the_run(tmp_path: Path) -> None:
    run = load_recipe("neighbour-forecast")
    run = run.replace(terms=run.terms[::-1])
    assert repeated(run, tmp_path) == run
    own = run.replace(recipe="my-own", n_classes=9)
    assert repeated(own, tmp_path) == own
    assert {path.name for path in tmp_path.iterdir()} == {"neighbour-forecast.json", "my-own.json"}


def test_the_lines_name_the_stack_as_it_is_and_survive_blanks(made: Any) -> None:
    run_dir, stack = made
    assert " " in str(stack)
    commands = command_lines(run_dir, open_volume(stack), Writing(merged=True, suffix=".ome.tif"))
    words = tuple(shlex.split(commands.train))
    assert words[:2] == ("em-autoclass", "train")
    assert settings_of_command(words[2:]) == RunFolder.open(run_dir).settings
    options = parsed("train", words[2:])
    assert list(options["volumes"]) == [str(stack)]
    again = open_volume(options["volumes"][0], voxel_size_nm=options["voxel_size"])
    assert fingerprint(again) == RunFolder.open(run_dir).volume.fingerprint
    for line, run in ((commands.predict, str(options["out"])), (commands.predict_now, str(run_dir))):
        predict = tuple(shlex.split(line))
        assert predict[:2] == ("em-autoclass", "predict")
        options_ = parsed("predict", predict[2:])
        assert (str(options_["run"]), options_["volume"]) == (run, str(stack))
        assert (options_["merged"], options_["probabilities"], options_["out"].name) == (True, False, "classes.ome.tif")
        assert options_["voxel_size"] == (50.0, 4.0, 4.0)


def test_a_voxel_size_is_written_to_the_last_digit(made: Any, phantom: Any) -> None:
    volume = Volume(phantom.raw, (50.1, 4.123456789, 4.0), "typed", str(made[1]))
    words = tuple(shlex.split(command_lines(made[0], volume, Writing()).train))
    assert parsed("train", words[2:])["voxel_size"] == (50.1, 4.123456789, 4.0)


@pytest.mark.parametrize("source", ["napari layer em", "", "/gone/em.tif"])
def test_a_stack_without_a_file_is_left_open_and_said(made: Any, phantom: Any, source: str) -> None:
    commands = command_lines(made[0], Volume(phantom.raw, phantom.voxel_size_nm, "em", source), Writing())
    assert shlex.split(commands.train)[2] == "STACK"
    assert "without a file: save it" in commands.sentence
    assert settings_of_command(tuple(shlex.split(commands.train))[2:]) == RunFolder.open(made[0]).settings


def test_a_file_with_other_voxels_is_not_named(made: Any, phantom: Any) -> None:
    commands = command_lines(made[0], Volume(255 - phantom.raw, phantom.voxel_size_nm, "em", str(made[1])), Writing())
    assert shlex.split(commands.predict)[3] == "STACK"


def test_a_relative_path_is_made_absolute(made: Any, monkeypatch: pytest.MonkeyPatch, phantom: Any) -> None:
    monkeypatch.chdir(made[1].parent)
    volume = Volume(phantom.raw, phantom.voxel_size_nm, "em", made[1].name)
    assert shlex.split(command_lines(made[0], volume, Writing()).train)[2] == str(made[1])


def test_on_windows_blanks_are_quoted_as_there(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.sys, "platform", "win32")
    line = command_lines(made[0], open_volume(made[1]), Writing()).train
    monkeypatch.setattr(module.sys, "platform", sys.platform)
    assert f'"{made[1]}"' in line


def test_a_damaged_run_is_said(made: Any, tmp_path: Path) -> None:
    run_dir, stack = copy_run(made, tmp_path)
    (run_dir / "run.json").write_text(json.dumps({}))
    with pytest.raises(Exception, match="schema"):
        command_lines(run_dir, open_volume(stack), Writing())
