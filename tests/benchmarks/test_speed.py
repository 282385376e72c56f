from __future__ import annotations

import importlib
from typing import Any

import pytest


def pairs() -> Any:
    return importlib.import_module("_speed_pairs")


def test_ways_are_taken_in_turn_and_the_first_round_does_not_count() -> None:
    called: list[str] = []
    seconds = pairs().in_turn({"a": lambda: called.append("a"), "b": lambda: called.append("b")}, 2)
    assert called == ["a", "b"] * 3
    assert {name: len(taken) for name, taken in seconds.items()} == {"a": 2, "b": 2}


def test_a_ratio_is_that_of_each_round_not_of_the_medians() -> None:
    promise = pairs().Promise("step", "question", 1.1)
    row = pairs().ratio_row(promise, [2.2, 30.0, 1.0], [2.0, 10.0, 1.0])
    assert (row["median"], row["min"], row["max"], row["rounds"]) == (1.1, 1.0, 3.0, 3)
    assert row["kept"]


@pytest.mark.parametrize(("at_least", "value", "kept"), [(True, 0.9, True), (True, 0.89, False), (False, 0.91, False)])
def test_a_bound_is_the_least_or_the_most(at_least: bool, value: float, kept: bool) -> None:
    promise = pairs().Promise("name", "question", 0.9, at_least=at_least)
    assert pairs().value_row(promise, [value])["kept"] is kept


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_law_is_found(power: float) -> None:
    work = [1, 2, 4, 64]
    assert pairs().exponent(work, [3 * w**power for w in work]) == pytest.approx(power)


def test_rows_of_a_part_that_is_measured_again_are_replaced_and_the_others_kept() -> None:
    speed = importlib.import_module("speed")
    stored = [{"part": "step", "name": "a"}, {"part": "curves", "name": "voxels"}]
    made = speed.merged(stored, [{"part": "prediction", "name": "c"}, {"part": "prediction", "name": "d"}])
    assert [row["name"] for row in made] == ["a", "c", "d", "voxels"]
    assert [row["name"] for row in speed.merged(made, [{"part": "prediction", "name": "e"}])] == ["a", "e", "voxels"]


def test_only_a_promise_that_was_kept_can_be_broken() -> None:
    speed = importlib.import_module("speed")
    stored = [{"name": "a", "kept": True}, {"name": "b", "kept": False}, {"name": "voxels"}]
    measured = [{"name": "a", "kept": False}, {"name": "b", "kept": False}, {"name": "new", "kept": False}]
    assert speed.newly_broken(stored, measured) == ["a"]


@pytest.mark.slow
def test_the_bare_passes_of_a_step_give_the_networks_gradients_as_the_step_does() -> None:
    step = importlib.import_module("_speed_step")
    from napari_em_autoclass.core.run_settings import apply_setting, load_recipe

    settings = apply_setting(load_recipe("neighbour-forecast"), "tiles.size_px=32")
    settings = apply_setting(settings, "tiles.region_px=32")
    learner = step._with_classes(step.small_volume((14, 64, 64)), settings)
    for fraction, ends in ((0.1, ("student.own",)), (0.9, ("student.own", "student.head", "predictor"))):
        learner.step(settings, 5, fraction)
        reached = {name for name, p in named(learner) if p.grad is not None}
        for way in step._bare(learner, settings, fraction):
            way()
            assert {name for name, p in named(learner) if p.grad is not None} == reached
        assert all(any(name.startswith(end) for name in reached) for end in ends)


def named(learner: Any) -> list[tuple[str, Any]]:
    return [(f"{k}.{n}", p) for k in ("student", "predictor") for n, p in getattr(learner, k).named_parameters()]
