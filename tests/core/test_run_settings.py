from __future__ import annotations

import json
import typing
from collections.abc import Iterator
from typing import Any

import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.losses import AnyLossTerm
from napari_em_autoclass.core.losses.balance import Balance
from napari_em_autoclass.core.run_settings import (
    RunSettings,
    TrainingSettings,
    apply_setting,
    load_recipe,
    recipe_card,
    recipe_names,
)
from napari_em_autoclass.core.settings import Settings
from napari_em_autoclass.core.volume import Box

DEFAULT = load_recipe("neighbour-forecast")


def all_settings_classes() -> Iterator[type[Settings]]:
    """Yield every settings class that is part of a run."""
    yield RunSettings
    yield from typing.get_args(typing.get_args(AnyLossTerm)[0])
    for field in RunSettings.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            yield field.annotation


FIELDS = [
    pytest.param(schema, id=f"{owner.__name__}.{name}")
    for owner in all_settings_classes()
    for name, schema in owner.model_json_schema()["properties"].items()
]


DESCRIPTIONS = [
    pytest.param(field.description, id=f"{owner.__name__}.{name}")
    for owner in all_settings_classes()
    for name, field in owner.model_fields.items()
]


def kinds_of(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the schema itself, or each of its alternatives."""
    yield from schema.get("anyOf", [schema])


@pytest.mark.parametrize("description", DESCRIPTIONS)
def test_every_field_says_what_it_is_in_a_sentence(description: str | None) -> None:
    assert description is not None
    assert description[0].isupper()
    assert description.endswith((".", ")"))
    assert "\n" not in description


@pytest.mark.parametrize("schema", FIELDS)
def test_every_float_has_a_step_and_every_number_bounds(schema: dict[str, Any]) -> None:
    for kind in kinds_of(schema):
        if kind.get("type") == "number":
            assert schema.get("step", kind.get("step", 0)) > 0
        if kind.get("type") in ("number", "integer") and not {"const", "enum"} & set(kind):
            assert {"minimum", "exclusiveMinimum"} & set(kind)
            assert {"maximum", "exclusiveMaximum"} & set(kind)


def test_the_default_recipe_comes_first_and_is_what_settings_name() -> None:
    names = recipe_names()
    assert names[0] == RunSettings().recipe == "neighbour-forecast"
    assert len(set(names)) == len(names) >= 3


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_loads_says_what_it_does_and_survives_json(name: str) -> None:
    settings = load_recipe(name)
    assert settings.recipe == name
    assert recipe_card(name).about.endswith(".")
    text = settings.model_dump_json()
    assert RunSettings.model_validate_json(text) == settings
    assert RunSettings.model_validate(json.loads(text)) == settings
    assert [type(term) for term in RunSettings.model_validate_json(text).terms] == [type(t) for t in settings.terms]


def test_the_default_recipe_learns_and_the_yardstick_does_not() -> None:
    assert any(term.weight > 0 for term in DEFAULT.terms)
    assert load_recipe("filters").terms == ()


@pytest.mark.parametrize("name", ["", "nonsense", "../recipes/filters", "Filters"])
def test_an_unknown_recipe_lists_those_there_are(name: str) -> None:
    with pytest.raises(InputError, match=r"unknown recipe .*neighbour-forecast, .*filters"):
        load_recipe(name)


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("n_classes=7", ("n_classes",), 7),
        ("device=cpu", ("device",), "cpu"),
        ('device="cpu"', ("device",), "cpu"),
        (" training.learning_rate = 1e-3 ", ("training", "learning_rate"), 1e-3),
        ("normalisation.per_section=false", ("normalisation", "per_section"), False),
        ("tiles.neighbour_distances_nm=[10, 30]", ("tiles", "neighbour_distances_nm"), (10.0, 30.0)),
        ("training.threads=2", ("training", "threads"), 2),
        ("training.threads=null", ("training", "threads"), None),
    ],
)
def test_one_setting_is_changed_and_the_others_stay(assignment: str, path: tuple[str, ...], value: object) -> None:
    changed = apply_setting(DEFAULT, assignment)
    tree = changed.model_dump()
    expected = DEFAULT.model_dump()
    node, wanted = tree, expected
    for key in path[:-1]:
        node, wanted = node[key], wanted[key]
    assert node[path[-1]] == value
    wanted[path[-1]] = value
    assert tree == expected


def test_a_term_is_addressed_by_its_kind() -> None:
    changed = apply_setting(DEFAULT, "terms.balance.weight=0.5")
    before = {term.kind: term for term in DEFAULT.terms}
    after = {term.kind: term for term in changed.terms}
    assert after.pop("balance") == before.pop("balance").replace(weight=0.5)
    assert after == before
    assert [term.kind for term in changed.terms] == [term.kind for term in DEFAULT.terms]


def test_a_term_that_the_recipe_lacks_is_added() -> None:
    assert apply_setting(load_recipe("filters"), "terms.balance.min_used=0.25").terms == (Balance(min_used=0.25),)


def test_terms_can_be_emptied() -> None:
    assert apply_setting(DEFAULT, "terms=[]").terms == ()


@pytest.mark.parametrize(("given", "other"), [("steps", "seconds"), ("seconds", "steps")])
def test_giving_one_budget_empties_the_other(given: str, other: str) -> None:
    for name in ("neighbour-forecast", "filters"):
        training = apply_setting(load_recipe(name), f"training.{given}=30").training
        assert getattr(training, given) == 30
        assert getattr(training, other) is None


def test_the_settings_given_are_left_as_they_were() -> None:
    before = DEFAULT.model_dump_json()
    apply_setting(DEFAULT, "terms.balance.weight=0.5")
    assert DEFAULT.model_dump_json() == before


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("n_classes", "is not path.to.setting=value"),
        ("=3", "is not path.to.setting=value"),
        ("", "is not path.to.setting=value"),
        ("training..steps=3", "is not path.to.setting=value"),
        ("n_clases=3", "unknown setting 'n_clases'.*n_classes"),
        ("training.step=3", "unknown setting 'training.step'.*learning_rate"),
        ("n_classes.size=3", "unknown setting 'n_classes.size'"),
        ("terms.balance=3", "unknown setting 'terms.balance'"),
        ("terms.nonsense.weight=3", "unknown term 'nonsense'"),
        ("terms.balance.wieght=3", "unknown setting 'terms.balance.wieght'.*min_used"),
        ("n_classes=1", "n_classes: .*greater than or equal to 2"),
        ("n_classes=255", "n_classes: .*less than or equal to 254"),
        ("n_classes=2.5", "n_classes: .*integer"),
        ("n_classes=many", "n_classes: .*integer"),
        ("n_classes=null", "n_classes: "),
        ("training.learning_rate=NaN", "learning_rate: .*"),
        ("training.learning_rate=1e999", "learning_rate: .*"),
        ("training.steps=null", "either training.seconds or training.steps"),
        ("terms.balance.weight=-1", "weight: .*greater than or equal to 0"),
        ("device=tpu", "device: .*cuda"),
        ("schema_version=2", "schema_version: "),
        ("tiles=5", "tiles: "),
        ("tiles.size_px=100", "size_px: .*multiple of 16"),
        ("terms=null", "terms: "),
    ],
)
def test_a_bad_assignment_is_an_input_error_of_one_line(assignment: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        apply_setting(DEFAULT, assignment)
    assert len(str(caught.value).splitlines()) == 1


def test_a_term_may_be_listed_once() -> None:
    with pytest.raises(InputError, match="listed twice"):
        DEFAULT.replace(terms=(Balance(), Balance(weight=2)))


@pytest.mark.parametrize("budget", [{"seconds": None, "steps": None}, {"seconds": 10.0, "steps": 10}])
def test_exactly_one_budget_is_needed(budget: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"either training\.seconds or training.steps"):
        TrainingSettings().replace(**budget)


def test_the_part_to_learn_from_is_checked_against_the_stack() -> None:
    settings = RunSettings(region="1:4,:,8:40", skip_sections=(2,))
    assert settings.learned_box((5, 32, 48)) == Box(1, 4, 0, 32, 8, 40)
    assert RunSettings().learned_box((5, 32, 48)) == Box.whole((5, 32, 48))
    for wrong, complaint in (
        (RunSettings(region="1:9,:,:"), "outside the stack"),
        (RunSettings(region="here"), "write e.g."),
        (RunSettings(skip_sections=(5,)), "no section 5"),
        (RunSettings(region="1:3,:,:", skip_sections=(1, 2)), "all sections are left out"),
    ):
        with pytest.raises(InputError, match=complaint):
            wrong.learned_box((5, 32, 48))


@pytest.mark.parametrize(
    ("budget", "used"), [({"seconds": None, "steps": 10}, 0.2), ({"seconds": 8.0}, 0.5)], ids=["steps", "seconds"]
)
def test_the_budget_is_counted_in_steps_or_seconds(budget: dict[str, object], used: float) -> None:
    assert RunSettings().training.replace(**budget).used(2, 4.0) == used
