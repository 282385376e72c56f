"""The course of a run: what is learned by now, and what is done at each step.

Everything here is a function of settings, seed and step number, so that a run that was interrupted, or went back
because its loss diverged, goes on as if nothing had been.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_em_autoclass.core.abandonable import abandonable
from napari_em_autoclass.core.divergence import LossRecord, has_only_numbers, objective_key, slowed
from napari_em_autoclass.core.errors import Abandoned
from napari_em_autoclass.core.events import ClassesRemade, Event, Notice, StepDone
from napari_em_autoclass.core.quality_watch import CollapseWatch
from napari_em_autoclass.core.run_keeper import HOLD_EVERY
from napari_em_autoclass.core.scores.label_free import effective_classes
from napari_em_autoclass.core.tile_limit import TileLimit
from napari_em_autoclass.core.weights_file import Progress

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from napari_em_autoclass.core.clock import Clock
    from napari_em_autoclass.core.learner import Learner, StepOut
    from napari_em_autoclass.core.run_keeper import RunKeeper, State
    from napari_em_autoclass.core.run_settings import RunSettings

__all__ = ["Course"]


class Course:
    """Learns, step by step.

    Parameters
    ----------
    run_id : for the events
    learner : the networks, untrained
    again : makes them anew
    keeper : of the run
    clock : of the training
    """

    def __init__(
        self,
        run_id: str,
        learner: Learner,
        *,
        again: Callable[[RunSettings], Learner],
        keeper: RunKeeper,
        clock: Clock,
    ) -> None:
        self._run_id, self._again, self._keeper, self._clock = run_id, again, keeper, clock
        self.learner = learner
        self.progress = Progress()
        self.collapse = CollapseWatch(len(learner.usage))
        self._tile_limit = TileLimit(self.learner.device)

    @property
    def may_save(self) -> bool:
        """Whether the network may replace the last one that was saved: it has neither collapsed nor diverged."""
        sound = not self.collapse.is_under_way and self.progress.losses.is_sound
        return sound and has_only_numbers(self.learner.student)

    @property
    def has_diverged_again(self) -> bool:
        """Whether going back and learning more slowly was of no use."""
        return self.progress.divergences > 1

    def begin(self, settings: RunSettings) -> None:
        """Make the first sketch."""
        self.learner.begin(settings)
        self._keeper.hold((self.learner.tensors(), self.progress))

    def go_on(self, state: State, *, has_budget: bool) -> None:
        """Take a run up where it was saved; one that was done and has budget again learns on."""
        self._load(state)
        if has_budget and (self.progress.has_classes or self.learner.teacher is not None):
            # A network that was left for the filters gets another try.
            self.learner.has_classes = True
            self.progress = self.progress.replace(stage="learning", has_classes=True)
        self._keeper.is_saved(self.progress)

    def advance(
        self, settings: RunSettings, fraction: float, is_wanted: Callable[[], bool] = lambda: True
    ) -> list[Event]:
        """Do one step, and before it whatever the schedule wants done at this step; return what happened.

        Parameters
        ----------
        settings : of now
        fraction : of the budget that is used, 0 to 1
        is_wanted : asked now and then: reading regions, new classes and a step take seconds.  After a no all is as
            before
        """
        learner, step, said = self.learner, self.progress.step, list[Event]()
        is_refining = learner.teacher is not None
        begins = not is_refining and fraction >= settings.training.refine_from
        is_due = begins or (not is_refining and step > 0 and step % settings.training.recluster_steps == 0)
        # New classes and the step after them are one: resumed between the two, a run would make them again.
        before = (learner.tensors(), self.progress) if is_due else None
        held = self._to_hold()
        try:
            learner.tiles.regions(step, is_wanted)
            if is_due:
                said.append(self._reclustered(settings, afresh=begins, is_wanted=is_wanted))
            if begins:
                learner.start_refining(step)
            slow = slowed(self._tile_limit.within(settings), self.progress.divergences)
            with self._abandonable(is_wanted):
                out = learner.step(slow, step, fraction)
            done = self._step_done(out, settings, fraction)
            said += self._keeper.log.add(done, settings)
            said += [Notice(self._run_id, told) for told in learner.tiles.take_notices()]
            if self.progress.losses.has_diverged:
                said += self._gone_back(settings)
            elif held is not None and self.progress.losses.is_sound:
                self._keeper.hold(held)
        except Abandoned:
            if before is not None:
                said = []
                self._take_back(settings, before)
        except FloatingPointError:
            said += self._gone_back(settings)
        except torch.OutOfMemoryError:
            learner.optimiser.zero_grad(set_to_none=True)
            said.append(Notice(self._run_id, self._tile_limit.halve(settings), self._tile_limit.most))
        return said

    def _abandonable(self, is_wanted: Callable[[], bool]) -> AbstractContextManager[None]:
        """Return what lets a step be given up halfway; several processes must do each step together."""
        if self.learner.device.ranks.size > 1:
            return nullcontext()
        return abandonable(self.learner.modules().values(), is_wanted)

    def settle(self, settings: RunSettings) -> list[Event]:
        """Choose, without labels, the classifier to keep; return what happened."""
        said = list[Event]()
        if not has_only_numbers(self.learner.student):  # by the very last step
            said += self._gone_back(settings)
        if self.progress.step and self.learner.teacher is None:  # the recipe never refines: its features are done
            said.append(self._reclustered(settings, afresh=True))
        kept = "network" if self.progress.has_classes else "filters"
        if kept == "network" and settings.training.keep_best:
            kept = self.learner.choose()
        self.progress = self.progress.replace(stage="done", has_classes=self.learner.has_classes)
        if settings.terms and kept != "network":
            sentence = f"The classes of the {kept} explain the stack clearly better, and were kept."
            said.append(Notice(self._run_id, sentence))
        return said

    def _to_hold(self) -> State | None:
        """Return the state before a step with a round number, if all is well so far."""
        is_due = self.progress.step % HOLD_EVERY == 0 and self.collapse.may_save and self.progress.losses.is_sound
        return (self.learner.tensors(), self.progress) if is_due else None

    def _gone_back(self, settings: RunSettings) -> list[Event]:
        """Go back to where all was well after the loss has diverged, to learn more slowly from there; once."""
        at, divergences = self.progress.step, self.progress.divergences + 1
        self._take_back(settings, self._keeper.go_back())
        self.progress = self.progress.replace(
            divergences=divergences, elapsed_s=self._clock.elapsed(), losses=LossRecord()
        )
        self.collapse = CollapseWatch(settings.n_classes)
        if self.has_diverged_again:
            return []  # the end of the run says it
        rate = slowed(settings, divergences).training.learning_rate
        told = f"The loss diverged at step {at}: back to step {self.progress.step}, with half the learning rate"
        return [Notice(self._run_id, f"{told} ({rate:g}).")]

    def _take_back(self, settings: RunSettings, before: State) -> None:
        """Be again as before a step that was given up, classes and teacher included."""
        self.learner = self._again(settings)
        self._load(before)

    def _load(self, state: State) -> None:
        tensors, self.progress = state
        self.learner.load_tensors(tensors, has_classes=self.progress.has_classes)

    def _reclustered(
        self, settings: RunSettings, *, afresh: bool, is_wanted: Callable[[], bool] = lambda: True
    ) -> ClassesRemade:
        if not has_only_numbers(self.learner.student):
            raise FloatingPointError("the network holds values that are no numbers")
        result = self.learner.recluster(settings, self.progress.step, afresh=afresh, is_wanted=is_wanted)
        self.progress = self.progress.replace(stage="learning", has_classes=True)
        return ClassesRemade(self._run_id, self.progress.step, result.kept)

    def _step_done(self, out: StepOut, settings: RunSettings, fraction: float) -> StepDone:
        objective = objective_key(term for term in settings.terms if term.kind in out.terms)
        losses = self.progress.losses.after(out.total, *objective)
        step, elapsed_s = self.progress.step + 1, self._clock.elapsed()
        self.progress = self.progress.replace(step=step, elapsed_s=elapsed_s, losses=losses)
        effective = effective_classes(np.array(out.usage))
        self.collapse.see(effective, effective_classes(np.array(out.share)))
        parts = tuple(out.terms.items())
        return StepDone(self._run_id, step, fraction, elapsed_s, parts, out.total, effective, out.usage, out.skill)
