"""Forms are generated; these tests hold for every Settings class there is and will be."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from pydantic import Field, ValidationError
from qtpy.QtWidgets import QDoubleSpinBox, QLabel

import napari_em_autoclass.core
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.run_settings import load_recipe, recipe_names
from napari_em_autoclass.core.settings import Settings
from napari_em_autoclass.gui.fold import Fold
from napari_em_autoclass.gui.form import SettingsForm, words


def subclasses(kind: type[Settings]) -> Iterator[type[Settings]]:
    for below in kind.__subclasses__():
        yield below
        yield from subclasses(below)


def default_settings() -> list[Settings]:
    """Give an instance of every Settings class of the core that can be made without arguments."""
    for module in pkgutil.walk_packages(napari_em_autoclass.core.__path__, "napari_em_autoclass.core."):
        importlib.import_module(module.name)
    made = []
    for kind in {k for k in subclasses(Settings) if k.__module__.startswith("napari_em_autoclass.core")}:
        try:
            made.append(kind())
        except (ValidationError, TypeError):
            continue  # a record of what was measured, not something a user fills in
    return sorted(made, key=lambda settings: type(settings).__name__)


SETTINGS = [*default_settings(), *(load_recipe(name) for name in recipe_names())]


class Odd(Settings):
    """A bit of everything."""

    rate: float = Field(1.23456789e-7, gt=0, le=1, json_schema_extra={"step": 1e-8})
    """A small number."""
    large: float = 1e300
    """A number no box can show."""
    maybe: int | None = Field(None, ge=1)
    """Nothing, or a number."""
    several: tuple[float, ...] = (1.5, 2.0)
    """Numbers."""
    word: str = "a, b"
    """Text with a comma."""
    kind: Literal["x", "y"] = "y"
    """A choice."""
    yes: bool = True
    """A tick."""


@pytest.mark.parametrize("settings", [*SETTINGS, Odd()], ids=lambda s: getattr(s, "recipe", type(s).__name__))
def test_what_goes_in_comes_out(qtbot: Any, settings: Settings) -> None:
    form = SettingsForm(settings)
    qtbot.addWidget(form)
    assert form.value == settings


@pytest.mark.parametrize("name", recipe_names())
def test_each_field_has_a_tooltip_and_each_float_a_step(qtbot: Any, name: str) -> None:
    form = SettingsForm(load_recipe(name))
    qtbot.addWidget(form)
    for part in (form, *form.findChildren(SettingsForm)):
        for field, editor in part.editors.items():
            assert len(editor.widget.toolTip()) > 15, field
    for box in form.findChildren(QDoubleSpinBox):
        assert box.singleStep() > 0
        assert box.maximum() > box.minimum()


def test_an_edit_changes_its_field_and_no_other(qtbot: Any) -> None:
    form = SettingsForm(Odd())
    qtbot.addWidget(form)
    with qtbot.waitSignal(form.changed, timeout=1000):
        form.editors["rate"].widget.setValue(3e-6)
    form.editors["several"].widget.setText("7, 8.5")
    assert form.value == Odd(rate=3e-6, several=(7.0, 8.5))


def test_a_small_number_survives_being_typed(qtbot: Any) -> None:
    form = SettingsForm(Odd())
    qtbot.addWidget(form)
    box = form.editors["rate"].widget
    box.selectAll()
    qtbot.keyClicks(box, "0.00025")
    box.interpretText()
    assert form.value.rate == 0.00025


def test_a_tick_switches_an_optional_value_on_and_off(qtbot: Any) -> None:
    form = SettingsForm(load_recipe(recipe_names()[0]))
    qtbot.addWidget(form)
    training = form.parts["training"]
    assert isinstance(training, SettingsForm)
    threads = training.editors["threads"]
    threads.set(3)
    assert form.value.training.threads == 3
    threads.set(None)
    assert form.value.training.threads is None


def test_a_value_out_of_bounds_says_which_setting(qtbot: Any) -> None:
    form = SettingsForm(Odd())
    qtbot.addWidget(form)
    form.editors["several"].widget.setText("seven")
    with pytest.raises(InputError, match="seven"):
        _ = form.value


def test_terms_of_a_recipe_have_a_fold_each_and_keep_hidden_weights(qtbot: Any) -> None:
    settings = load_recipe(recipe_names()[0])
    form = SettingsForm(settings, frozenset({"terms.balance.weight", "training.seconds", "recipe"}))
    qtbot.addWidget(form)
    terms = form.parts["terms"]
    assert isinstance(terms, list)
    assert len(terms) == len(settings.terms)
    balance = next(f for f, term in zip(terms, settings.terms, strict=True) if term.kind == "balance")
    assert "weight" not in balance.editors
    assert "recipe" not in form.editors
    assert form.value == settings


def test_folds_begin_shut_so_that_the_form_is_short(qtbot: Any) -> None:
    form = SettingsForm(load_recipe(recipe_names()[0]))
    qtbot.addWidget(form)
    assert not any(fold.is_open for fold in form.findChildren(Fold))


def test_labels_are_words_with_their_unit(qtbot: Any) -> None:
    assert words("tiles_per_step") == "Tiles per step"
    form = SettingsForm(load_recipe(recipe_names()[0]).tiles)
    qtbot.addWidget(form)
    assert "Size (px)" in {label.text() for label in form.findChildren(QLabel)}
