"""From what is set in the dock to the settings of a run."""

from __future__ import annotations

import os
import shutil
from typing import Any

import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import CutRequest, ViewRequest
from napari_em_autoclass.core.run_settings import apply_setting, load_recipe
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.wishes import RunOrder, Wishes, open_classify, open_trainer, settings_of, with_weights


def test_wishes_stand_above_the_recipe() -> None:
    settings = settings_of(Wishes(n_classes=7, seconds=12.5, weights={"balance": 2.5}))
    assert (settings.n_classes, settings.training.seconds, settings.training.steps) == (7, 12.5, None)
    assert {term.kind: term.weight for term in settings.terms}["balance"] == 2.5


def test_one_core_stays_with_the_viewer_unless_a_number_was_set() -> None:
    assert settings_of(Wishes()).training.threads == max(1, (os.cpu_count() or 2) - 1)
    base = load_recipe("neighbour-forecast")
    advanced = base.replace(training=base.training.replace(threads=3))
    assert settings_of(Wishes(advanced=advanced)).training.threads == 3


def test_advanced_settings_are_kept() -> None:
    advanced = load_recipe("neighbour-forecast").replace(seed=42, working_pixel_nm=10.0)
    settings = settings_of(Wishes(advanced=advanced))
    assert (settings.seed, settings.working_pixel_nm) == (42, 10.0)


@pytest.mark.parametrize(
    ("change", "goes_on"),
    [
        ("training.learning_rate=0.001", True),  # may change while a run goes on, so also between
        ("views.noise=0", True),
        ("terms.balance.weight=3", True),
        ("training.seconds=9", True),
        ("terms.koleo.weight=1", False),
        ("classifier.width=8", False),
        ("seed=1", False),
    ],
)
def test_what_may_change_meanwhile_does_not_begin_a_new_run(change: str, goes_on: bool) -> None:
    advanced = apply_setting(load_recipe("neighbour-forecast"), change)
    assert Wishes().same_run(Wishes(advanced=advanced)) == goes_on
    assert Wishes(advanced=advanced).same_run(Wishes()) == goes_on
    assert not Wishes(advanced=advanced).same_run(Wishes(advanced=advanced, n_classes=3))


def test_a_recipe_that_counts_steps_keeps_its_steps() -> None:
    settings = settings_of(Wishes(recipe="filters", seconds=None))
    assert (settings.training.seconds, settings.training.steps) == (None, 1)


def test_bad_wishes_are_refused_in_words() -> None:
    with pytest.raises(InputError, match="n_classes"):
        settings_of(Wishes(n_classes=1))
    with pytest.raises(InputError, match="weight"):
        with_weights(load_recipe("neighbour-forecast"), {"balance": -1.0})


def test_weights_of_terms_the_recipe_lacks_are_passed_over() -> None:
    settings = load_recipe("filters")
    assert with_weights(settings, {"balance": 2.0}) == settings


def test_a_run_and_the_views_of_its_folder_agree(phantom: Any, fast_settings: Any, tmp_path: Any) -> None:
    volume = Volume(phantom.raw, phantom.voxel_size_nm, "phantom")
    order = RunOrder(volume, Wishes(n_classes=4, seconds=None, advanced=fast_settings), tmp_path / "run")
    trainer = open_trainer(order)
    trainer.view = ViewRequest(2, 0, 64, 0, 64, serial=5)
    last = [event for event in trainer.events() if type(event).__name__ == "SnapshotTaken"][-1]
    again = open_classify(tmp_path / "run", volume)(trainer.view)
    np.testing.assert_array_equal(again.classes, last.classes)
    assert again.stage == "done"


def test_a_cut_through_a_finished_run_agrees_with_its_sections(phantom: Any, fast_settings: Any, tmp_path: Any) -> None:
    volume = Volume(phantom.raw, phantom.voxel_size_nm, "phantom")
    order = RunOrder(volume, Wishes(n_classes=4, seconds=None, advanced=fast_settings), tmp_path / "run")
    list(open_trainer(order).events())
    classify = open_classify(tmp_path / "run", volume)
    depth, _, width = volume.shape_zyx
    known: dict[int, Any] = {}
    while len(known) < depth:
        piece = classify(CutRequest(0, depth, 20, 21, 0, width))
        row = 20 - piece.corner_yx[0]
        known |= {z: strip[row] for z, strip in zip(piece.sections, piece.classes, strict=True)}
    assert piece.is_complete
    section = classify(ViewRequest(2, 0, 64, 0, width)).classes
    np.testing.assert_array_equal(known[2], section[20])


def test_a_run_that_goes_on_keeps_its_settings_and_gets_more_time(
    phantom: Any, fast_settings: Any, tmp_path: Any
) -> None:
    volume = Volume(phantom.raw, phantom.voxel_size_nm, "phantom")
    first = RunOrder(volume, Wishes(n_classes=4, seconds=None, advanced=fast_settings), tmp_path / "run")
    list(open_trainer(first).events())
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    again = open_trainer(RunOrder(volume, Wishes(n_classes=4, seconds=100.0), tmp_path / "run", resume=True))
    assert again.settings.tiles == fast_settings.tiles
    assert again.settings.training.seconds > 100
    assert again.settings.training.steps is None
    slower = fast_settings.replace(training=fast_settings.training.replace(learning_rate=1e-4))
    wishes = Wishes(n_classes=4, seconds=100.0, advanced=slower)
    changed = open_trainer(RunOrder(volume, wishes, tmp_path / "copy", resume=True))
    assert changed.settings.training.learning_rate == 1e-4  # what may change meanwhile does
