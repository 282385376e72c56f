"""What is looked at while a step runs in a thread beside: pictures come, and the training is the same."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from runs import CORNER, changed, curves, played, steps_of

from napari_em_autoclass.core import section_painter
from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.events import CutRequest, Event, SnapshotTaken, ViewRequest
from napari_em_autoclass.core.learner import Learner, StepOut
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume

_PATIENCE_S = 60
Hold = Callable[[int], threading.Event]


@pytest.fixture
def hold(monkeypatch: pytest.MonkeyPatch) -> Hold:
    """Let a step wait in its middle for an event."""
    plain, held = Learner.step, dict[int, threading.Event]()

    def step(self: Learner, settings: RunSettings, number: int, fraction: float) -> StepOut:
        if number in held:
            assert held[number].wait(_PATIENCE_S), "nobody let the step go on"
        return plain(self, settings, number, fraction)

    def put(number: int) -> threading.Event:
        return held.setdefault(number, threading.Event())

    monkeypatch.setattr(Learner, "step", step)
    return put


@pytest.fixture
def often(settings: RunSettings) -> RunSettings:
    return changed(settings, "training.snapshot_every_s=0.01")


def looked_at(volume: Volume, settings: RunSettings, run_dir: Path | None = None) -> Trainer:
    trainer = Trainer(volume, settings, run_dir=run_dir)
    trainer.view = CORNER
    return trainer


def test_pictures_of_before_a_step_come_while_it_runs(volume: Volume, often: RunSettings, hold: Hold) -> None:
    trainer, go, events = looked_at(volume, often), hold(5), list[Event]()
    for event in trainer.events():
        events.append(event)
        pictures = [each for each in events if isinstance(each, SnapshotTaken) and each.step == 5]
        if len(pictures) == 2:
            trainer.view = ViewRequest(3, 0, 16, 0, 16, serial=8)  # answered in the middle of the step, too
        elif len(pictures) == 3:
            go.set()
    assert [each.view.serial for each in pictures][:3] == [7, 7, 8]
    assert events.index(pictures[2]) < next(i for i, e in enumerate(events) if e in steps_of(events)[5:])
    assert [event.step for event in steps_of(events)] == list(range(1, 11))


def test_a_run_is_the_same_whatever_is_looked_at(volume: Volume, often: RunSettings, tmp_path: Path) -> None:
    depth, height, width = volume.shape_zyx
    views = [
        ViewRequest(0, 0, height, 0, width, (0, 2)),
        ViewRequest(4, 3, 40, 5, 50),
        CutRequest(0, depth, 20, 21, 0, width),
    ]
    for _ in Trainer(volume, often, run_dir=tmp_path / "alone").events():
        pass
    trainer, n_events = Trainer(volume, often, run_dir=tmp_path / "watched"), 0
    for _ in trainer.events():
        trainer.view, n_events = views[n_events % len(views)], n_events + 1
    assert curves(tmp_path / "watched") == curves(tmp_path / "alone")
    expected, _ = RunFolder.open(tmp_path / "alone").load_weights()
    found, _ = RunFolder.open(tmp_path / "watched").load_weights()
    assert found.keys() == expected.keys()
    assert [name for name in expected if not torch.equal(found[name], expected[name])] == []


def test_the_pictures_are_of_the_weights_that_were_there_before_the_step(
    volume: Volume, often: RunSettings, hold: Hold
) -> None:
    trainer, go = looked_at(volume, often), hold(6)
    for event in trainer.events():
        if isinstance(event, SnapshotTaken) and event.step == 6 and not go.is_set():
            model = trainer.model  # nothing was changed yet: the step waits
            expected = model.classify(model.working(volume), CORNER)
            go.set()
            assert (event.classes == expected.classes).all()
            assert (event.confidence == expected.confidence).all()
    assert go.is_set()


def test_closing_in_the_middle_of_a_step_saves_it_whole(
    volume: Volume, often: RunSettings, hold: Hold, tmp_path: Path
) -> None:
    trainer, go = looked_at(volume, often, tmp_path / "run"), hold(6)
    running = trainer.events()
    for event in running:
        if isinstance(event, SnapshotTaken) and event.step == 6:
            break
    threading.Timer(0.2, go.set).start()
    running.close()
    folder = RunFolder.open(tmp_path / "run")
    assert folder.load_weights()[1].step == len(folder.log()) == 7
    assert not any(thread.name.startswith("training-step") for thread in threading.enumerate())
    for _ in Trainer(volume, often, run_dir=tmp_path / "run", resume=True).events():
        pass
    for _ in Trainer(volume, often, run_dir=tmp_path / "whole").events():
        pass
    assert curves(tmp_path / "run") == curves(tmp_path / "whole")


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_of_a_step_that_is_looked_at_surfaces_with_its_type(
    volume: Volume, often: RunSettings, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], tmp_path: Path
) -> None:
    def broken(*_: object) -> StepOut:
        raise error("shapes differ")

    monkeypatch.setattr(Learner, "step", broken)
    with pytest.raises(error, match="shapes differ"):
        played(looked_at(volume, often, tmp_path / "run"))
    assert RunFolder.open(tmp_path / "run").load_weights()[1].step == 0


def test_an_error_of_a_step_comes_before_being_closed(
    volume: Volume, often: RunSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    go = threading.Event()

    def broken(*_: object) -> StepOut:
        go.wait(_PATIENCE_S)
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(Learner, "step", broken)
    trainer = looked_at(volume, often, tmp_path / "run")
    running = trainer.events()
    n_pictures = 0
    for event in running:
        n_pictures += isinstance(event, SnapshotTaken)
        if n_pictures == 1:
            trainer.view = ViewRequest(3, 0, 16, 0, 16, serial=8)  # the first sketch of this one is complete
        if n_pictures == 2:  # the first sketch, then one beside the step
            break
    go.set()
    with pytest.raises(RuntimeError, match="shapes differ"):
        running.close()


def test_a_stop_in_the_middle_of_a_step_gives_it_up(volume: Volume, often: RunSettings, hold: Hold) -> None:
    trainer, go, events = looked_at(volume, often), hold(4), list[Event]()
    for event in trainer.events():
        events.append(event)
        if isinstance(event, SnapshotTaken) and event.step == 4 and not go.is_set():
            trainer.stop()
            go.set()
    assert steps_of(events)[-1].step == 4
    assert events[-1].message == "Stopped; the run can be resumed."  # type: ignore[union-attr]


def test_a_step_has_its_threads_and_a_picture_one(
    volume: Volume, often: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, before = Learner.step, torch.get_num_threads()
    of_steps, of_tiles = set[tuple[str, int]](), set[tuple[str, int]]()
    classify = section_painter.classify_tile

    def step(self: Learner, *rest: object) -> StepOut:
        of_steps.add((threading.current_thread().name, torch.get_num_threads()))
        return plain(self, *rest)  # type: ignore[arg-type]

    def tile(*rest: object) -> object:
        of_tiles.add((threading.current_thread().name, torch.get_num_threads()))
        return classify(*rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Learner, "step", step)
    monkeypatch.setattr(section_painter, "classify_tile", tile)
    here = threading.current_thread().name
    trainer = looked_at(volume, changed(often, "training.threads=2"))
    for event in trainer.events():
        if isinstance(event, SnapshotTaken):
            assert torch.get_num_threads() == 2
    assert of_steps == {("training-step_0", 2)}
    assert of_tiles == {(here, 1), (here, 2)}  # two while no step runs: the first and the last picture
    assert torch.get_num_threads() == before
