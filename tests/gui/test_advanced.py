"""The folded form of all settings."""

from __future__ import annotations

from typing import Any

import pytest

from napari_em_autoclass.core.label_start import LabelStart
from napari_em_autoclass.core.run_settings import load_recipe
from napari_em_autoclass.gui.advanced import AdvancedSettings


@pytest.fixture
def advanced(qtbot: Any) -> AdvancedSettings:
    made = AdvancedSettings()
    qtbot.addWidget(made)
    made.set_recipe("neighbour-forecast", load=False)
    yield made
    made.close_down()


def test_unless_it_is_looked_at_it_has_nothing_to_say(advanced: AdvancedSettings) -> None:
    assert advanced.form is None
    assert advanced.settings is None


def test_looked_at_it_shows_the_recipe(qtbot: Any, advanced: AdvancedSettings) -> None:
    advanced.show_recipe()
    qtbot.waitUntil(lambda: advanced.form is not None, timeout=20_000)
    assert advanced.settings is None  # nothing was edited
    advanced.form.editors["seed"].widget.setValue(7)
    assert advanced.settings == load_recipe("neighbour-forecast").replace(seed=7)
    assert "n_classes" not in advanced.form.editors  # has its place in the panel


def test_labels_that_a_run_starts_from_are_not_shown_and_stay(qtbot: Any, advanced: AdvancedSettings) -> None:
    start = LabelStart(labels=(1, 7), responses=((0.0,) * 16, (1.0,) * 16))
    advanced.take(load_recipe("neighbour-forecast").replace(start=start))
    assert advanced.form is not None
    advanced.form.editors["seed"].widget.setValue(7)
    assert advanced.settings is not None
    assert (advanced.settings.seed, advanced.settings.start) == (7, start)
    assert not {"start"} & {*advanced.form.editors, *advanced.form.parts}


def test_another_recipe_replaces_the_form(qtbot: Any, advanced: AdvancedSettings) -> None:
    advanced.show_recipe()
    advanced.set_recipe("filters", load=True)  # while the first one is still being loaded
    qtbot.waitUntil(lambda: advanced.form is not None and advanced.form.value.recipe == "filters", timeout=20_000)


def test_a_recipe_not_looked_at_yet_does_not_borrow_the_form_of_the_last(
    qtbot: Any, advanced: AdvancedSettings
) -> None:
    advanced.show_recipe()
    qtbot.waitUntil(lambda: advanced.form is not None, timeout=20_000)
    advanced.set_recipe("filters", load=False)
    assert advanced.settings is None


def test_a_recipe_that_cannot_be_read_is_one_sentence(qtbot: Any, advanced: AdvancedSettings) -> None:
    advanced.set_recipe("nonsense", load=False)
    with qtbot.waitSignal(advanced.failed, check_params_cb=lambda text: "nonsense" in text, timeout=20_000):
        advanced.show_recipe()
