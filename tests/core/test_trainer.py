"""The training as a generator of events, on a stack and a network so small that a step takes milliseconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from runs import kinds_of, played, steps_of

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.events import (
    CheckpointSaved,
    ClassesRemade,
    RunEnded,
    RunStarted,
    SnapshotTaken,
    StepDone,
)
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume

# --- what comes when -------------------------------------------------------------------------------------------------


def test_events_come_in_order(finished: Any) -> None:
    events = finished.events
    step, remade = ["StepDone"], ["ClassesRemade", "StepDone"]
    assert kinds_of(events) == [
        *("RunStarted", "SnapshotTaken", "CheckpointSaved"),
        *(3 * step + remade + 2 * step + remade + remade + 2 * step),
        "Notice",  # in ten steps the network learned less than the filters know
        *("CheckpointSaved", "SnapshotTaken", "RunEnded"),
    ]
    assert [event.step for event in steps_of(events)] == list(range(1, 11))
    assert [event.step for event in events if isinstance(event, ClassesRemade)] == [3, 6, 7]
    assert [e.stage for e in events if isinstance(e, SnapshotTaken)] == ["first sketch", "done"]
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert (ended.reason, ended.step) == ("finished", 10)
    assert {event.run_id for event in events} == {ended.run_id}


def test_the_first_event_says_what_is_trained_and_where(volume: Volume, settings: RunSettings) -> None:
    trainer = Trainer(volume, settings)
    started = next(trainer.events())
    assert started == RunStarted(
        trainer.run_id, 4, "cpu", "CPU as asked", volume.voxel_size_nm, (8.0, 8.0), volume.shape_zyx
    )


def test_each_run_has_its_own_id(volume: Volume, settings: RunSettings) -> None:
    assert Trainer(volume, settings).run_id != Trainer(volume, settings).run_id


def test_a_step_reports_what_the_log_keeps(finished: Any) -> None:
    steps = steps_of(finished.events)
    rows = RunFolder.open(finished.folder).log()
    assert [(row["step"], row["total"], row["terms"], row["skill"]) for row in rows] == [
        (event.step, event.total, dict(event.terms), event.skill) for event in steps
    ]
    for event in steps:
        assert sum(event.usage) == pytest.approx(1, abs=1e-4)
        assert len(event.usage) == 4
        assert 1 <= event.effective_classes <= 4.001
    assert [event.fraction for event in steps] == pytest.approx(np.arange(10) / 10)


def test_the_total_is_the_weighted_sum_of_the_active_terms(finished: Any, settings: RunSettings) -> None:
    weights = {term.kind: term.weight for term in settings.terms}
    steps = steps_of(finished.events)
    assert {kind for kind, _ in steps[0].terms} == {"forecast"}
    assert {kind for kind, _ in steps[-1].terms} == {kind for kind, weight in weights.items() if weight > 0}
    for event in steps:
        assert event.total == pytest.approx(sum(weights[kind] * value for kind, value in event.terms), rel=1e-5)


def test_the_same_seed_gives_the_same_losses_and_another_seed_others(volume: Volume, settings: RunSettings) -> None:
    first, again, other = (
        [event.total for event in steps_of(played(Trainer(volume, settings.replace(seed=seed))))] for seed in (3, 3, 4)
    )
    assert first == again
    assert all(a != b for a, b in zip(first, other, strict=True))


def test_random_numbers_of_others_do_not_change_a_run(volume: Volume, settings: RunSettings, finished: Any) -> None:
    found = []
    for event in Trainer(volume, settings).events():
        torch.rand(3)
        np.random.default_rng().normal()
        if isinstance(event, StepDone):
            found.append(event.total)
    assert found == [event.total for event in steps_of(finished.events)]


# --- budget ----------------------------------------------------------------------------------------------------------


def test_a_budget_in_seconds_ends_the_run(volume: Volume, settings: RunSettings, fake_time: Any) -> None:
    trainer = Trainer(volume, apply_setting(settings, "training.seconds=20"))
    steps = []
    for event in trainer.events():
        if isinstance(event, StepDone):
            steps.append(event)
            fake_time.now += 2.5
    assert [event.elapsed_s for event in steps] == pytest.approx(np.arange(8) * 2.5)
    assert [event.fraction for event in steps] == pytest.approx(np.arange(8) / 8)
    assert isinstance(event, RunEnded)
    assert event.reason == "finished"


def test_fractions_stay_within_the_budget_when_time_runs_out_in_between(
    volume: Volume, settings: RunSettings, fake_time: Any
) -> None:
    fake_time.tick = 0.37
    steps = steps_of(played(Trainer(volume, apply_setting(settings, "training.seconds=20"))))
    assert len(steps) > 3
    assert all(0 <= event.fraction <= 1 for event in steps)


def test_time_spent_in_pause_is_not_of_the_budget(volume: Volume, settings: RunSettings, fake_time: Any) -> None:
    trainer = Trainer(volume, apply_setting(settings, "training.seconds=20"))
    steps: list[StepDone] = []

    def long_nap(seconds: float) -> None:
        fake_time.now += 1000
        trainer.is_paused = False

    fake_time.sleep = long_nap  # type: ignore[method-assign]
    for event in trainer.events():
        if isinstance(event, StepDone):
            steps.append(event)
            fake_time.now += 5
            trainer.is_paused = len(steps) == 2
    assert [event.elapsed_s for event in steps] == pytest.approx([0, 5, 10, 15], abs=0.1)


def test_a_checkpoint_is_made_when_its_time_has_come(
    volume: Volume, settings: RunSettings, fake_time: Any, tmp_path: Path
) -> None:
    trainer = Trainer(volume, apply_setting(settings, "training.checkpoint_every_s=6"), run_dir=tmp_path / "run")
    saved = []
    for event in trainer.events():
        if isinstance(event, StepDone):
            fake_time.now += 2.5
        if isinstance(event, CheckpointSaved):
            saved.append(event.step)
            assert RunFolder.open(tmp_path / "run").load_weights()[1].step == event.step
    assert saved == [0, 3, 6, 9, 10]
