"""What can be changed while a training runs: stop, pause, the view, the settings."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from runs import CORNER, kinds_of, played, steps_of

from napari_em_autoclass.core import learner, reclustering, regions, teaching
from napari_em_autoclass.core.batching import BatchMaker
from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.classifier import ForecastClassifier, unet2d
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import (
    CutRequest,
    CutTaken,
    RunEnded,
    RunStarted,
    SnapshotTaken,
    StepDone,
    ViewRequest,
)
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting
from napari_em_autoclass.core.tile_source import TileSource
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume


def test_stop_ends_after_the_step(volume: Volume, settings: RunSettings, tmp_path: Path) -> None:
    trainer = Trainer(volume, settings, run_dir=tmp_path / "run")
    events = []
    for event in trainer.events():
        events.append(event)
        if isinstance(event, StepDone) and event.step == 2:
            trainer.stop()
    assert kinds_of(events)[-4:] == ["StepDone", "CheckpointSaved", "SnapshotTaken", "RunEnded"]
    ended, last = events[-1], events[-2]
    assert isinstance(ended, RunEnded)
    assert isinstance(last, SnapshotTaken)
    assert (ended.reason, ended.step, last.stage) == ("stopped", 2, "first sketch")
    assert RunFolder.open(tmp_path / "run").load_weights()[1].step == 2


def test_a_run_stopped_before_its_first_step_is_usable(volume: Volume, settings: RunSettings, tmp_path: Path) -> None:
    trainer = Trainer(volume, settings, run_dir=tmp_path / "run")
    trainer.stop()
    assert steps_of(played(trainer)) == []
    model = RunFolder.open(tmp_path / "run").model()
    assert set(np.unique(model.classify(model.working(volume), CORNER).classes)) <= {1, 2, 3, 4}


SLOW = {
    "reading regions": (TileSource, "regions", 3),
    "the first tile for new classes": (ForecastClassifier, "features", 3),
    "a step forward": (ForecastClassifier, "features", 4),
    "a step backward": (unet2d, "_dense", 4),
    "the loss": (learner, "objective", 5),
    "the textures of a region": (regions, "nearest_cluster", 0),
    "clusters for new classes": (reclustering, "_set_classes", 3),
    "the step after new classes": (BatchMaker, "make", 6),
    "the same, backward": (unet2d, "_dense", 6),
    "smoothing before the last classes": (reclustering, "smoothed", 7),
    "the last classes": (reclustering, "_set_classes", 7),
    "the teacher's first sections": (teaching, "_seen", 7),
    "the first step with a teacher, backward": (unet2d, "_dense", 7),
}


@pytest.mark.parametrize("slow", SLOW)
def test_a_stop_waits_for_nothing_that_is_slow_and_loses_nothing(
    volume: Volume,
    settings: RunSettings,
    finished: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    slow: str,
) -> None:
    undisturbed, n_steps = finished.trainer, len(steps_of(finished.events))
    stopped = Trainer(volume, settings, run_dir=tmp_path / "stopped")
    place, name, at = SLOW[slow]
    plain, calls = getattr(place, name), []

    def stopping(*args: Any, **options: Any) -> Any:
        calls.append(stopped._course.progress.step)
        if calls[-1] == at:
            stopped.stop()
        return plain(*args, **options)

    monkeypatch.setattr(place, name, stopping)
    assert len(steps_of(played(stopped))) == at
    monkeypatch.undo()
    resumed = Trainer(volume, settings, run_dir=tmp_path / "stopped", resume=True)
    assert len(steps_of(played(resumed))) == n_steps - at
    for name, tensor in undisturbed.model.classifier.state_dict().items():
        torch.testing.assert_close(resumed.model.classifier.state_dict()[name], tensor, rtol=0, atol=0)


def test_a_paused_run_does_no_steps_but_answers_who_looks(
    volume: Volume, settings: RunSettings, fake_time: Any
) -> None:
    trainer = Trainer(volume, settings)
    trainer.view = CORNER
    running = trainer.events()
    assert [type(event) for event in islice(running, 3)] == [RunStarted, SnapshotTaken, StepDone]
    trainer.is_paused = True
    for serial in (8, 9, 10):
        trainer.view = ViewRequest(serial - 8, 0, 16, 0, 16, serial=serial)
        answer = next(running)
        assert isinstance(answer, SnapshotTaken)
        assert (answer.view.serial, answer.step) == (serial, 1)
    trainer.is_paused = False
    assert isinstance(next(running), StepDone)
    running.close()


def test_a_run_paused_at_its_first_sketch_answers_who_looks(
    volume: Volume, settings: RunSettings, fake_time: Any
) -> None:
    trainer = Trainer(volume, settings)
    running = trainer.events()
    assert [type(event) for event in islice(running, 2)] == [RunStarted, SnapshotTaken]
    trainer.is_paused, trainer.view = True, CORNER
    answer = next(running)
    assert isinstance(answer, SnapshotTaken)
    assert (answer.view, answer.stage) == (CORNER, "first sketch")
    running.close()


def test_a_paused_run_can_be_stopped(volume: Volume, settings: RunSettings, fake_time: Any) -> None:
    trainer = Trainer(volume, settings)
    trainer.is_paused = True
    fake_time.sleep = lambda seconds: trainer.stop()  # type: ignore[method-assign]
    assert kinds_of(played(trainer)) == ["RunStarted", "SnapshotTaken", "SnapshotTaken", "RunEnded"]


def test_a_new_view_is_answered_after_the_step_with_its_serial(
    volume: Volume, settings: RunSettings, fake_time: Any
) -> None:
    trainer = Trainer(volume, settings)
    events = []
    for event in trainer.events():
        events.append(event)
        if isinstance(event, StepDone) and event.step == 4:
            trainer.view = CORNER
    asked = next(i for i, event in enumerate(events) if isinstance(event, StepDone) and event.step == 4)
    answer = events[asked + 1]
    assert isinstance(answer, SnapshotTaken)
    assert (answer.view, answer.step, answer.stage) == (CORNER, 4, "learning")
    assert answer.classes.shape == answer.confidence.shape == (24, 32)
    assert [k for k, _ in answer.probs] == [2]
    # Asked once, answered once; the last picture is of the same place.
    assert [event.step for event in events if isinstance(event, SnapshotTaken)] == [0, 4, 10]


def test_the_view_is_refreshed_when_its_time_has_come(volume: Volume, settings: RunSettings, fake_time: Any) -> None:
    trainer = Trainer(volume, apply_setting(settings, "training.snapshot_every_s=4"))
    trainer.view = CORNER
    steps = []
    for event in trainer.events():
        if isinstance(event, StepDone):
            fake_time.now += 1.5
        elif isinstance(event, SnapshotTaken):
            steps.append(event.step)
            assert event.view == CORNER
    assert steps == [0, 4, 7, 10]  # the first sketch, which is there until step 3, stays as it is


def test_new_settings_count_from_the_next_step(volume: Volume, settings: RunSettings, tmp_path: Path) -> None:
    trainer = Trainer(volume, settings, run_dir=tmp_path / "run")
    kinds = []
    for event in trainer.events():
        if isinstance(event, StepDone):
            kinds.append({kind for kind, _ in event.terms})
            if event.step == 2:
                trainer.settings = apply_setting(trainer.settings, "terms.balance.start=0")
            if event.step == 4:
                trainer.settings = apply_setting(trainer.settings, "training.steps=6")
    assert kinds[:4] == [{"forecast"}, {"forecast"}, {"forecast", "balance"}, {"forecast", "balance"}]
    assert len(kinds) == 6
    assert RunFolder.open(tmp_path / "run").settings == trainer.settings


@pytest.mark.parametrize("change", ["n_classes=9", "tiles.size_px=96", "classifier.width=8", "seed=5"])
def test_what_the_networks_depend_on_is_not_changed_under_way(
    volume: Volume, settings: RunSettings, change: str
) -> None:
    trainer = Trainer(volume, settings)
    with pytest.raises(InputError, match=f"^{change.split('.')[0].split('=')[0]} can't be changed.*start a new run$"):
        trainer.settings = apply_setting(settings, change)
    assert trainer.settings is settings


@pytest.mark.parametrize("n_events", [2, 3, 5, 8, 15])
def test_closing_saves(volume: Volume, settings: RunSettings, tmp_path: Path, n_events: int) -> None:
    trainer = Trainer(volume, settings, run_dir=tmp_path / "run")
    running = trainer.events()
    done = len(steps_of(list(islice(running, n_events))))
    running.close()
    folder = RunFolder.open(tmp_path / "run")
    assert folder.load_weights()[1].step == len(folder.log()) >= done
    assert folder.load_weights()[1].step - done <= 1


def test_the_number_of_threads_is_the_callers_again_at_the_end(
    volume: Volume, settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    before = torch.get_num_threads()
    played(Trainer(volume, apply_setting(settings, "training.threads=3")))
    assert asked == [3, before]


def test_a_cut_is_answered_piece_by_piece_while_learning_and_the_run_ends_as_ever(
    volume: Volume, settings: RunSettings, tmp_path: Path
) -> None:
    trainer = Trainer(volume, settings, run_dir=tmp_path / "run")
    depth, _, width = volume.shape_zyx
    trainer.view = CutRequest(0, depth, 20, 21, 0, width, serial=3)
    events = played(trainer)
    cuts = [event for event in events if isinstance(event, CutTaken)]
    assert isinstance(events[1], CutTaken)  # the first sketch
    assert {z for cut in cuts for z in cut.sections} == set(range(depth))
    assert all(cut.view.serial == 3 and cut.classes.min() >= 1 for cut in cuts)
    assert kinds_of(events)[-2:] == ["SnapshotTaken", "RunEnded"]
    assert len(steps_of(events)) == 10


def test_a_paused_run_completes_the_cut(volume: Volume, settings: RunSettings, fake_time: Any) -> None:
    trainer = Trainer(volume, settings)
    running = trainer.events()
    assert [type(event) for event in islice(running, 2)] == [RunStarted, SnapshotTaken]
    trainer.is_paused = True
    depth, height, _ = volume.shape_zyx
    trainer.view = CutRequest(0, depth, 0, height, 30, 31)
    seen: list[int] = []
    while len(seen) < depth:
        piece = next(running)
        assert isinstance(piece, CutTaken)
        seen += piece.sections
    assert sorted(seen) == list(range(depth))
    running.close()
