"""A loss that diverges: back to where all was well, once, with half the learning rate."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
import torch
from runs import changed, curves, played, steps_of

from napari_em_autoclass.core import course, divergence, learner
from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.events import Event, Notice, RunEnded, StepDone
from napari_em_autoclass.core.learner import Learner, StepOut
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume

Spoil = Callable[[Callable[[int, float], float]], None]


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Collect the learning rate of each step."""
    found, step = list[float](), Learner.step

    def noted(self: Learner, settings: RunSettings, number: int, fraction: float) -> StepOut:
        found.append(settings.training.learning_rate)
        return step(self, settings, number, fraction)

    monkeypatch.setattr(Learner, "step", noted)
    return found


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Spoil:
    """Multiply the loss of a step; states to go back to every four steps, three steps beyond measure diverge."""
    monkeypatch.setattr(course, "HOLD_EVERY", 4)
    monkeypatch.setattr(divergence, "_FIRST_STEPS", 3)
    monkeypatch.setattr(divergence, "_ON_END", 3)
    true_objective = learner.objective

    def put(factor: Callable[[int, float], float]) -> None:
        def spoilt(terms, batch, state):
            out = true_objective(terms, batch, state)
            return out._replace(total=out.total * factor(state.step, float(out.total.detach())))

        monkeypatch.setattr(learner, "objective", spoilt)

    return put


def once(at: int, bad: float = float("nan")) -> Callable[[int, float], float]:
    """Return what spoils step `at` the first time it is done."""
    left = [bad]
    return lambda step, _: left.pop() if step == at and left else 1.0


def notices(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, Notice)]


@pytest.fixture
def plain(settings: RunSettings) -> RunSettings:
    """Ten steps of one objective: the classes are made afresh only at the end, and the network is kept."""
    return changed(settings, "training.refine_from=1.0", "training.recluster_steps=100", "training.keep_best=false")


@pytest.mark.parametrize("bad", ["nan", "inf"])
def test_a_loss_that_is_no_number_goes_back_to_where_all_was_well(
    volume: Volume, plain: RunSettings, spoil: Spoil, rates: list[float], tmp_path: Path, bad: str
) -> None:
    spoil(once(6, float(bad)))
    events = played(Trainer(volume, plain, run_dir=tmp_path / "run"))
    assert notices(events) == ["The loss diverged at step 6: back to step 4, with half the learning rate (0.001)."]
    assert [done.step for done in steps_of(events)] == [1, 2, 3, 4, 5, 6, 5, 6, 7, 8, 9, 10]
    assert (rates[:7], set(rates[7:])) == ([0.002] * 7, {0.001})
    assert [row["step"] for row in curves(tmp_path / "run")] == list(range(1, 11))
    weights, progress = RunFolder.open(tmp_path / "run").load_weights()
    assert (progress.step, progress.stage, progress.divergences) == (10, "done", 1)
    assert all(tensor.isfinite().all() for tensor in weights.values())


def test_a_loss_that_explodes_for_long_enough_goes_back_too(
    volume: Volume, plain: RunSettings, spoil: Spoil, rates: list[float]
) -> None:
    left = [1000.0] * 3
    spoil(lambda step, _: left.pop() if step >= 3 and left else 1.0)
    events = played(Trainer(volume, plain))
    # Step 4 has a round number too, but the loss was not sound then.
    assert notices(events) == ["The loss diverged at step 6: back to step 0, with half the learning rate (0.001)."]
    assert steps_of(events)[-1].step == 10


def test_the_second_time_the_run_ends_with_what_was_good(
    volume: Volume, plain: RunSettings, spoil: Spoil, tmp_path: Path
) -> None:
    spoil(lambda step, _: float("nan") if step == 6 else 1.0)
    events = played(Trainer(volume, plain, run_dir=tmp_path / "run"))
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert (ended.reason, ended.step, len(notices(events))) == ("diverged", 4, 1)
    assert ended.message.startswith("The loss diverged again. Stopped; what was learned up to step 4 is kept.")
    folder = RunFolder.open(tmp_path / "run")
    weights, progress = folder.load_weights()
    assert (progress.step, progress.divergences) == (4, 2)
    assert all(tensor.isfinite().all() for tensor in weights.values())
    assert folder.model().stage == "first sketch"
    again = played(Trainer(volume, folder.settings, run_dir=tmp_path / "run", resume=True))
    assert isinstance(again[-1], RunEnded)
    assert again[-1].reason == "diverged"


def test_weights_that_are_no_numbers_are_found_before_the_classes_are_made_anew(
    volume: Volume, settings: RunSettings, spoil: Spoil, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spoil(lambda *_: 1.0)
    step, left = Learner.step, [5]

    def poisoned(self: Learner, settings: RunSettings, number: int, fraction: float) -> StepOut:
        out = step(self, settings, number, fraction)
        if number in left:  # before step 6 the classes are made anew
            left.remove(number)
            with torch.no_grad():
                next(self.student.parameters()).fill_(float("nan"))
        return out

    monkeypatch.setattr(Learner, "step", poisoned)
    trainer = Trainer(volume, changed(settings, "training.checkpoint_every_s=0.000001"), run_dir=tmp_path / "run")
    for event in trainer.events():
        if isinstance(event, Notice):
            break
        if isinstance(event, StepDone) and event.step == 7:
            raise AssertionError("nobody noticed")
    assert "diverged at step 6: back to step 4" in event.message
    kept, _ = RunFolder.open(tmp_path / "run").load_weights()
    assert all(tensor.isfinite().all() for tensor in kept.values())


def test_the_last_step_too_may_diverge(
    volume: Volume, plain: RunSettings, spoil: Spoil, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spoil(lambda *_: 1.0)
    step = Learner.step

    def poisoned(self: Learner, settings: RunSettings, number: int, fraction: float) -> StepOut:
        out = step(self, settings, number, fraction)
        if number == 9:
            with torch.no_grad():
                next(self.student.parameters()).fill_(float("inf"))
        return out

    monkeypatch.setattr(Learner, "step", poisoned)
    events = played(Trainer(volume, plain, run_dir=tmp_path / "run"))
    assert "diverged at step 10: back to step 8" in notices(events)[0]
    assert isinstance(events[-1], RunEnded)
    assert events[-1].reason == "finished"
    kept, progress = RunFolder.open(tmp_path / "run").load_weights()
    assert (progress.step, progress.stage) == (8, "done")
    assert all(tensor.isfinite().all() for tensor in kept.values())


@pytest.mark.parametrize("n_events", [5, 7, 8, 11, 12, 13])
def test_a_run_that_went_back_and_was_interrupted_ends_as_if_it_had_not_been(
    volume: Volume, plain: RunSettings, spoil: Spoil, tmp_path: Path, n_events: int
) -> None:
    spoil(once(6))
    played(Trainer(volume, plain, run_dir=tmp_path / "whole"))
    spoil(once(6))
    running = Trainer(volume, plain, run_dir=tmp_path / "parts").events()
    assert len(list(islice(running, n_events))) == n_events
    running.close()
    played(Trainer(volume, plain, run_dir=tmp_path / "parts", resume=True))
    assert curves(tmp_path / "parts") == curves(tmp_path / "whole")
    expected, _ = RunFolder.open(tmp_path / "whole").load_weights()
    found, progress = RunFolder.open(tmp_path / "parts").load_weights()
    assert progress.divergences == 1
    assert [name for name in expected if not torch.equal(found[name], expected[name])] == []
