"""What a training does when it is interrupted, or something goes wrong; for full disks see `test_run_keeper`."""

from __future__ import annotations

import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from runs import changed, class_map, curves

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.classifier import FilterClassifier, ForecastClassifier
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import (
    Notice,
    RunEnded,
    RunStarted,
    SnapshotTaken,
    StepDone,
)
from napari_em_autoclass.core.learner import Learner, StepOut
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume

# --- going on --------------------------------------------------------------------------------------------------------


# Events: started, sketch, checkpoint, steps 1-3, remade, steps 4-6, remade, steps 7-8, afresh, steps 9-10, ...
@pytest.mark.parametrize("n_events", [2, 3, 4, 6, 7, 8, 11, 14, 15, 16, 17])
def test_an_interrupted_run_goes_on_as_if_nothing_had_been(
    volume: Volume, settings: RunSettings, finished: Any, tmp_path: Path, n_events: int
) -> None:
    whole, parts = finished.folder, tmp_path / "parts"
    running = Trainer(volume, settings, run_dir=parts).events()
    assert len(list(islice(running, n_events))) == n_events
    running.close()
    for _ in Trainer(volume, RunFolder.open(parts).settings, run_dir=parts, resume=True).events():
        pass
    assert curves(parts) == curves(whole)
    expected, progress = RunFolder.open(whole).load_weights()
    found, _ = RunFolder.open(parts).load_weights()
    assert progress.step == 10
    assert found.keys() == expected.keys()
    assert [name for name in expected if not torch.equal(found[name], expected[name])] == []
    assert np.array_equal(class_map(parts, volume), class_map(whole, volume))


def test_steps_logged_but_not_saved_are_done_again(volume: Volume, settings: RunSettings, tmp_path: Path) -> None:
    run, killed = tmp_path / "run", tmp_path / "killed"
    running = Trainer(volume, settings, run_dir=run).events()
    list(islice(running, 6))
    running.close()
    shutil.copytree(run, killed)
    for _ in Trainer(volume, settings, run_dir=run, resume=True).events():
        pass
    # Killed while the log of later steps was written, before their weights were.
    shutil.copy(run / "log.jsonl", killed / "log.jsonl")
    with (killed / "log.jsonl").open("a") as log:
        log.write('{"step": 11, "tot')
    assert RunFolder.open(killed).load_weights()[1].step == 3
    for _ in Trainer(volume, settings, run_dir=killed, resume=True).events():
        pass
    assert curves(killed) == curves(run)
    assert [row["step"] for row in curves(killed)] == list(range(1, 11))
    assert np.array_equal(class_map(killed, volume), class_map(run, volume))


def test_closing_a_resumed_run_at_once_leaves_it_as_it_was(
    volume: Volume, settings: RunSettings, finished: Any, tmp_path: Path
) -> None:
    folder = finished.copy(tmp_path / "run")
    weights, progress = RunFolder.open(folder).load_weights()
    assert progress.step == 10
    events = Trainer(volume, settings, run_dir=folder, resume=True).events()
    assert isinstance(next(events), RunStarted)
    events.close()
    kept, still = RunFolder.open(folder).load_weights()
    assert still == progress
    assert kept.keys() == weights.keys()
    assert all(torch.equal(kept[name], weights[name]) for name in weights)


def test_a_finished_run_learns_on_when_its_budget_grows(
    volume: Volume, settings: RunSettings, finished: Any, tmp_path: Path
) -> None:
    finished.copy(tmp_path / "run")
    longer = changed(settings, "training.steps=13")
    events = list(Trainer(volume, longer, run_dir=tmp_path / "run", resume=True).events())
    assert [event.step for event in events if isinstance(event, StepDone)] == [11, 12, 13]
    assert [event.stage for event in events if isinstance(event, SnapshotTaken)] == ["learning", "done"]
    assert [row["step"] for row in curves(tmp_path / "run")] == list(range(1, 14))


def test_a_finished_run_that_is_resumed_ends_at_once(
    volume: Volume, settings: RunSettings, finished: Any, tmp_path: Path
) -> None:
    finished.copy(tmp_path / "run")
    before = class_map(tmp_path / "run", volume)
    events = list(Trainer(volume, settings, run_dir=tmp_path / "run", resume=True).events())
    assert not any(isinstance(event, StepDone) for event in events)
    assert isinstance(events[-1], RunEnded)
    assert events[-1].reason == "finished"
    assert np.array_equal(class_map(tmp_path / "run", volume), before)


# --- memory and numbers ----------------------------------------------------------------------------------------------


class SmallMemory:
    """A device that holds at most `room` tiles, in place of `Learner.step`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room, self.tried = room, list[int]()
        step = Learner.step

        def limited(learner: Learner, settings: RunSettings, number: int, fraction: float) -> StepOut:
            self.tried.append(settings.training.tiles_per_step)
            if settings.training.tiles_per_step > self.room:
                raise torch.OutOfMemoryError("not enough")
            return step(learner, settings, number, fraction)

        monkeypatch.setattr(Learner, "step", limited)


def test_short_memory_halves_the_tiles_and_says_so(
    volume: Volume, settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = SmallMemory(monkeypatch, room=2)
    events = list(Trainer(volume, changed(settings, "training.tiles_per_step=9", "training.steps=3")).events())
    assert memory.tried == [9, 4, 2, 2, 2]
    notices = [event.message for event in events if isinstance(event, Notice) and "tiles" in event.message]
    assert ["4 tiles" in notices[0], "2 tiles" in notices[1], len(notices)] == [True, True, 2]
    assert [event.step for event in events if isinstance(event, StepDone)] == [1, 2, 3]


def test_memory_too_small_for_one_tile_says_what_to_do(
    volume: Volume, settings: RunSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    SmallMemory(monkeypatch, room=0)
    with pytest.raises(InputError, match=r"tiles\.size_px.*classifier\.width"):
        list(Trainer(volume, settings, run_dir=tmp_path / "run").events())
    assert len(class_map(tmp_path / "run", volume)) == volume.data.size


def test_classes_made_before_memory_ran_short_are_still_announced(
    volume: Volume, settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = SmallMemory(monkeypatch, room=2)
    names: list[str] = []
    for event in Trainer(volume, settings).events():
        names.append(type(event).__name__)
        if isinstance(event, StepDone):
            memory.room = 1 if event.step == 3 else memory.room
    after = names[names.index("ClassesRemade") :]
    assert after[:2] == ["ClassesRemade", "Notice"]
    assert names.count("StepDone") == 10


def test_an_error_of_a_step_surfaces_with_its_type(
    volume: Volume, settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> StepOut:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(Learner, "step", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        list(Trainer(volume, settings).events())


def test_a_network_that_learned_too_little_is_left_for_the_filters_and_gets_another_try(
    volume: Volume, settings: RunSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    monkeypatch.setattr("napari_em_autoclass.core.learner.choose", lambda *_: "filters")
    events = list(Trainer(volume, changed(settings, "training.steps=6"), run_dir=run).events())
    assert [event.message for event in events if isinstance(event, Notice)] == [
        "The classes of the filters explain the stack clearly better, and were kept."
    ]
    model = RunFolder.open(run).model()
    assert isinstance(model.classifier, FilterClassifier)
    assert model.stage == "done"
    monkeypatch.setattr("napari_em_autoclass.core.learner.choose", lambda *_: "network")
    longer = changed(settings, "training.steps=9")
    events = list(Trainer(volume, longer, run_dir=run, resume=True).events())
    assert [event.step for event in events if isinstance(event, StepDone)] == [7, 8, 9]
    assert isinstance(RunFolder.open(run).model().classifier, ForecastClassifier)
