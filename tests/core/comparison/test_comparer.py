"""Recipes one after another: what comes when, and that one that fails, collapses or is stopped spoils nothing."""

from __future__ import annotations

from typing import Any

import pytest
from runs import changed

from napari_em_autoclass.core.comparison.comparer import (
    Comparer,
    ComparisonEnded,
    RecipeBegun,
    RecipeDone,
    RecipeScored,
    compared_view,
)
from napari_em_autoclass.core.comparison.map_scores import MapScorer
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import RunEnded, StepDone
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume


class InMemory:
    """A store that keeps rows in a list and runs nowhere; recipes in `broken` can't be opened."""

    def __init__(self, **broken: Exception) -> None:
        self.done: list[RecipeDone] = []
        self.broken = broken

    def open_run(self, volume: Volume, settings: RunSettings) -> Trainer:
        if settings.recipe in self.broken:
            raise self.broken[settings.recipe]
        return Trainer(volume, settings)

    def keep(self, done: RecipeDone) -> None:
        self.done.append(done)


@pytest.fixture
def recipes(settings: RunSettings) -> dict[str, RunSettings]:
    return {name: settings.replace(recipe=name) for name in ("first", "second", "third")}


def test_events_of_each_training_stand_between_its_begin_and_its_row(
    volume: Volume, phantom: Any, recipes: dict[str, RunSettings]
) -> None:
    store = InMemory()
    events = list(Comparer(MapScorer(volume, phantom.labels), recipes, store).events())
    begun = [event for event in events if isinstance(event, RecipeBegun)]
    assert [(b.recipe, b.number, b.total) for b in begun] == [("first", 1, 3), ("second", 2, 3), ("third", 3, 3)]
    kinds = [type(event) for event in events]
    assert kinds[-1] is ComparisonEnded
    assert not events[-1].was_stopped
    one = kinds[: kinds.index(RecipeDone) + 1]
    assert one.count(StepDone) == 10
    assert one.index(RunEnded) < one.index(RecipeScored) < one.index(RecipeDone)
    assert [event for event in events if isinstance(event, RecipeDone)] == store.done
    figures = store.done[0].row.figures
    assert {"merged_miou", "csev", "seconds", "steps_per_s", "first_map_s", "stability"} <= set(figures)
    assert 0 < figures["first_map_s"] < figures["seconds"]
    assert store.done[0].classes is not None
    assert store.done[0].classes.shape == volume.shape_zyx[1:]


def test_the_same_settings_give_the_same_scores(volume: Volume, recipes: dict[str, RunSettings]) -> None:
    store = InMemory()
    list(Comparer(MapScorer(volume), recipes, store).events())
    first, second, _ = (done.row.figures for done in store.done)
    assert first["csev"] == second["csev"]
    assert first["effective_classes"] == second["effective_classes"]


@pytest.mark.parametrize(
    ("error", "says", "has_details"),
    [
        (InputError("the weights file is not there; get it from its authors"), "the weights file is not there", False),
        (RuntimeError("shapes\ndo not match"), "RuntimeError: shapes do not match", True),
    ],
)
def test_a_recipe_that_fails_is_a_row_with_its_reason(
    volume: Volume, recipes: dict[str, RunSettings], error: Exception, says: str, has_details: bool
) -> None:
    store = InMemory(second=error)
    list(Comparer(MapScorer(volume), recipes, store).events())
    assert [done.row.outcome for done in store.done] == ["finished", "failed", "finished"]
    assert says in store.done[1].row.reason
    assert bool(store.done[1].details) is has_details


@pytest.mark.slow
def test_a_collapse_is_a_row_with_the_figures_of_the_collapsed_map(volume: Volume, settings: RunSettings) -> None:
    from napari_em_autoclass.core.run_settings import load_recipe

    alone = changed(settings, "training.steps=400", "training.refine_from=0", "training.learning_rate=0.02")
    bare = load_recipe("prediction-only")
    alone = alone.replace(terms=bare.terms, predictor=alone.predictor.replace(reads="student"), recipe="bare")
    store = InMemory()
    list(Comparer(MapScorer(volume), {"bare": alone}, store).events())
    row = store.done[0].row
    assert row.outcome == "collapsed"
    assert row.figures["effective_classes"] < 2
    assert row.figures["csev"] < 0.2


def test_stopping_keeps_complete_rows_and_leaves_the_run_under_way_to_be_resumed(
    volume: Volume, recipes: dict[str, RunSettings]
) -> None:
    store = InMemory()
    comparer = Comparer(MapScorer(volume), recipes, store)
    events = []
    for event in comparer.events():
        events.append(event)
        if isinstance(event, StepDone) and len(store.done) == 1:
            comparer.stop()
    assert [done.row.recipe for done in store.done] == ["first"]
    assert events[-1] == ComparisonEnded(comparer.run_id, True)
    assert "third" not in [event.recipe for event in events if isinstance(event, RecipeBegun)]


def test_stopping_while_scoring_makes_no_row(volume: Volume, recipes: dict[str, RunSettings]) -> None:
    store = InMemory()
    comparer = Comparer(MapScorer(volume), recipes, store)
    for event in comparer.events():
        if isinstance(event, RecipeScored):
            comparer.stop()
    assert store.done == []


def test_closing_the_events_ends_the_training(volume: Volume, recipes: dict[str, RunSettings]) -> None:
    store = InMemory()
    events = Comparer(MapScorer(volume), recipes, store).events()
    while not isinstance(next(events), StepDone):
        pass
    events.close()
    assert store.done == []


def test_what_is_shown_is_the_middle_section_and_of_a_large_one_its_middle() -> None:
    import numpy as np

    view = compared_view(Volume(np.zeros((5, 40, 60), np.uint8), (50.0, 4.0, 4.0)))
    assert (view.z, view.y0, view.y1, view.x0, view.x1) == (2, 0, 40, 0, 60)
    view = compared_view(Volume(np.broadcast_to(np.uint8(0), (5, 3000, 60)), (50.0, 4.0, 4.0)))
    assert (view.y0, view.y1) == (988, 2012)
