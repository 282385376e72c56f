"""Forms are generated; these tests hold for every Settings class there is and will be."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any, Literal, get_args

import pytest
from pydantic import Field, ValidationError
from qtpy.QtWidgets import QDoubleSpinBox, QLabel

import napari_em_autoclass.core
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.run_settings import RunSettings, load_recipe, recipe_names
from napari_em_autoclass.core.settings import Settings
from napari_em_autoclass.gui.editors import tooltip_of
from napari_em_autoclass.gui.fold import Fold
from napari_em_autoclass.gui.form import SettingsForm, _label, words


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


def within(kind: Any) -> Iterator[type[Settings]]:
    """Give the Settings classes that a type is made of, and those that they are made of."""
    if isinstance(kind, type) and issubclass(kind, Settings):
        yield kind
        for field in kind.model_fields.values():
            yield from within(field.annotation)
    for part in get_args(kind):
        yield from within(part)


FILLED_IN = sorted(set(within(RunSettings)), key=lambda kind: kind.__name__)


def numbers_of(kind: type[Settings]) -> Iterator[tuple[str, Any]]:
    for name, field in kind.model_fields.items():
        if {int, float} & {field.annotation, *get_args(field.annotation)}:
            yield name, field


@pytest.mark.parametrize("kind", FILLED_IN, ids=lambda kind: kind.__name__)
def test_each_number_has_bounds_and_a_sentence_that_says_of_what(kind: type[Settings]) -> None:
    for name, field in numbers_of(kind):
        tooltip = tooltip_of(field)
        assert "<i>From " in tooltip, f"{kind.__name__}.{name} has no bounds"
        assert (field.description or "").rstrip().endswith("."), f"{kind.__name__}.{name} has no sentence"


@pytest.mark.parametrize("kind", FILLED_IN, ids=lambda kind: kind.__name__)
def test_each_length_and_time_has_its_unit(kind: type[Settings]) -> None:
    for name, field in numbers_of(kind):
        extra = field.json_schema_extra
        unit = extra.get("unit") if isinstance(extra, dict) else None
        said = f"{field.description} {_label(name, field)}"
        if name.endswith(("_nm", "_s", "_px", "_mb")) or name in ("seconds", "radius", "distance", "patch", "window"):
            assert unit or re.search(r"\((nm|px|s)\)|pixels", said), f"{kind.__name__}.{name} has no unit"


def test_an_editor_is_found_by_its_path_and_unfolded(qtbot: Any) -> None:
    form = SettingsForm(load_recipe("neighbour-forecast"))
    qtbot.addWidget(form)
    assert form.editor_at("seed").get() == 0
    assert form.editor_at("terms.balance.weight").get() == 1.0
    for path in ("nothing", "terms.nothing.weight", "tiles.nothing"):
        with pytest.raises(KeyError):
            form.editor_at(path)
    form.reveal("terms.balance.weight")
    opened = [fold for fold in form.findChildren(Fold) if fold.is_open]
    assert len(opened) == 1
    assert opened[0].isAncestorOf(form.editor_at("terms.balance.weight").widget)


def test_parts_can_be_closed_to_editing(qtbot: Any) -> None:
    form = SettingsForm(load_recipe("neighbour-forecast"))
    qtbot.addWidget(form)
    form.enable_only({"views"})
    assert form.editor_at("views.noise").widget.isEnabled()
    assert not form.editor_at("tiles.size_px").widget.isEnabled()
    form.enable_only(None)
    assert form.editor_at("tiles.size_px").widget.isEnabled()


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
