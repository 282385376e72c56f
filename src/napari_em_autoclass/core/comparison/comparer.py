"""Recipes run one after another on the same volume, as a generator of events like that of a trainer.

Where runs are kept is the business of a `Store`; what is kept of one recipe is complete before the next begins.
"""

from __future__ import annotations

import time
import traceback
import uuid
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import torch

from napari_em_autoclass.core.comparison.memory import PeakMemory
from napari_em_autoclass.core.comparison.rows import Outcome, RecipeRow
from napari_em_autoclass.core.device import choose_device, processor_threads
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import Event, Notice, RunEnded, SnapshotTaken, StepDone, ViewRequest

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from napari_em_autoclass.core.comparison.map_scores import MapScorer
    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.trainer import Trainer
    from napari_em_autoclass.core.volume import Volume

__all__ = ["Comparer", "ComparisonEnded", "RecipeBegun", "RecipeDone", "RecipeScored", "Store", "compared_view"]

_PICTURE_PX: Final = 1024
_SKILL_STEPS: Final = 20


@dataclass(frozen=True, slots=True)
class RecipeBegun:
    """The recipe that comes now, the `number`-th of `total` (from 1)."""

    run_id: str
    recipe: str
    number: int
    total: int


@dataclass(frozen=True, slots=True)
class RecipeScored:
    """How far the scoring of a recipe is, 0 to 1."""

    run_id: str
    recipe: str
    fraction: float


@dataclass(frozen=True, slots=True)
class RecipeDone:
    """A row is complete and kept.

    `classes` (h, w) uint8, ids 1..K, is the class map of `compared_view`, None of a recipe that failed; `details` is
    the traceback of an error that is not the user's.
    """

    run_id: str
    row: RecipeRow
    classes: NDArray[np.uint8] | None = None
    details: str = ""


@dataclass(frozen=True, slots=True)
class ComparisonEnded:
    """The last event."""

    run_id: str
    was_stopped: bool


Compared = Event | RecipeBegun | RecipeScored | RecipeDone | ComparisonEnded


class Store(Protocol):
    """Where the runs and rows of a comparison are kept."""

    def open_run(self, volume: Volume, settings: RunSettings) -> Trainer:
        """Return the trainer of a recipe's run, which goes on if it was begun before."""

    def keep(self, done: RecipeDone) -> None:
        """Store a row, whole or not at all."""


def compared_view(volume: Volume) -> ViewRequest:
    """Return the part of the middle section that is shown of every recipe: all of it, or 1024 px in its middle."""
    depth, height, width = volume.shape_zyx
    high, wide = min(height, _PICTURE_PX), min(width, _PICTURE_PX)
    y0, x0 = (height - high) // 2, (width - wide) // 2
    return ViewRequest(depth // 2, y0, y0 + high, x0, x0 + wide)


class Comparer:
    """Trains and scores recipes; it has the controls of a trainer, so that what runs one can run the other.

    Parameters
    ----------
    scorer : of the volume that all learn from
    recipes : settings by recipe, in the order in which they run
    store : keeps what comes out
    """

    def __init__(self, scorer: MapScorer, recipes: Mapping[str, RunSettings], store: Store) -> None:
        self.run_id = uuid.uuid4().hex[:12]
        self.settings: RunSettings | None = None  # of the recipe that runs now
        self.view: ViewRequest | None = None  # nobody looks while recipes are compared: pictures cost time
        self.is_paused = False
        self._volume, self._recipes, self._store = scorer.volume, dict(recipes), store
        self._scorer = scorer
        self._trainer: Trainer | None = None
        self._stop = False

    def stop(self) -> None:
        """Ask to end soon; rows that are complete stay, and the run under way is saved."""
        self._stop = True
        if self._trainer is not None:
            self._trainer.stop()

    def events(self) -> Generator[Compared, None, None]:
        """Compare, and say what happens.

        Yields
        ------
        Event, RecipeBegun, RecipeScored, RecipeDone or ComparisonEnded
            The events of each trainer between its `RecipeBegun` and `RecipeDone`; `ComparisonEnded` last.
        """
        for number, (recipe, settings) in enumerate(self._recipes.items(), start=1):
            if self._stop:
                break
            yield RecipeBegun(self.run_id, recipe, number, len(self._recipes))
            self.settings = settings
            with closing(self._one(recipe, settings)) as one:
                yield from one
        yield ComparisonEnded(self.run_id, self._stop)

    def _one(self, recipe: str, settings: RunSettings) -> Generator[Compared, None, None]:
        watch = _Watch()
        try:
            memory = PeakMemory(choose_device(settings.device).name)
            self._trainer = trainer = self._store.open_run(self._volume, settings)
            if self._stop:
                trainer.stop()
            with closing(trainer.events()) as events:
                for event in events:
                    watch.see(event)
                    yield event
            if self._stop or watch.ended is None:
                return  # to be resumed
            figures = {**watch.figures(), **memory.figures()}
            yield from self._scored(recipe, trainer, figures, watch)
        except Exception as error:
            reason = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            details = "" if isinstance(error, InputError) else traceback.format_exc()
            row = RecipeRow(recipe, "failed", " ".join(reason.split())[:300])
            done = RecipeDone(self.run_id, row, None, details)
            self._store.keep(done)
            yield done
        finally:
            self._trainer = None

    def _scored(
        self, recipe: str, trainer: Trainer, figures: dict[str, float], watch: _Watch
    ) -> Generator[Compared, None, None]:
        assert watch.ended is not None
        threads = torch.get_num_threads()
        torch.set_num_threads(processor_threads(trainer.settings.training.threads))
        try:
            model = trainer.model
            scoring = self._scorer.scoring(model)
            while True:
                try:
                    fraction = next(scoring)
                except StopIteration as found:
                    figures |= found.value
                    break
                if self._stop:
                    return
                yield RecipeScored(self.run_id, recipe, fraction)
            classes = model.classify(model.working(self._volume), compared_view(self._volume)).classes
        finally:
            torch.set_num_threads(threads)
        # A run may collapse too late for its trainer to be sure.
        least = min(2.0, 1 + (model.settings.n_classes - 1) / 7)
        collapsed = watch.ended.reason == "collapsed" or figures["effective_classes"] < least
        outcome: Outcome = "collapsed" if collapsed else "finished"
        done = RecipeDone(self.run_id, RecipeRow(recipe, outcome, watch.notice, figures), classes)
        self._store.keep(done)
        yield done


class _Watch:
    """What the events of a training tell of its pace."""

    def __init__(self) -> None:
        self.ended: RunEnded | None = None
        self.notice = ""
        self._since = time.perf_counter()
        self._first_map_s: float | None = None
        self._first: StepDone | None = None
        self._last: StepDone | None = None
        self._skills: list[float] = []

    def see(self, event: Event) -> None:
        if isinstance(event, SnapshotTaken) and self._first_map_s is None:
            self._first_map_s = time.perf_counter() - self._since
        elif isinstance(event, StepDone):
            self._first, self._last = self._first or event, event
            if event.skill is not None:
                self._skills = [*self._skills[1 - _SKILL_STEPS :], event.skill]
        elif isinstance(event, Notice):
            self.notice = event.message
        elif isinstance(event, RunEnded):
            self.ended = event

    def figures(self) -> dict[str, float]:
        """Return what is known; of a run that was resumed the time before counts, but the first map doesn't."""
        took_s = time.perf_counter() - self._since
        resumed = self._first is not None and self._first.step > 1
        before_s = self._first.elapsed_s if self._first is not None and resumed else 0.0
        figures = {"seconds": before_s + took_s}
        if self._first_map_s is not None and not resumed:
            figures["first_map_s"] = self._first_map_s
        if self._last is not None and self._last.elapsed_s > 0:
            figures["steps_per_s"] = self._last.step / self._last.elapsed_s
        if self._skills:
            figures["skill"] = sum(self._skills) / len(self._skills)
        return figures
