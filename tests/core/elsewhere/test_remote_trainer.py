from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from runs import curves, kinds_of, played, steps_of

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.elsewhere import Cluster, Order, RemoteTrainer, TrainingInfo, WorkerLost, placing
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import CheckpointSaved, RunEnded, RunStarted, SnapshotTaken, StepDone, ViewRequest
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.io.reference import ByValue

Make = Callable[..., RemoteTrainer]


@pytest.fixture
def make(connected: Callable[[], Cluster], make_order: Callable[..., Order], value: Callable[[], ByValue]) -> Make:
    """Give what makes trainers on the worker."""
    return lambda *args, **options: RemoteTrainer(connected(), make_order(*args, **options), value)


def infos_of(trainer: RemoteTrainer, cluster: Cluster) -> list[TrainingInfo]:
    return [info for info in cluster.trainings() if info.run_id == trainer.run_id]


@pytest.fixture
def endless(fast_settings: RunSettings) -> RunSettings:
    return fast_settings.replace(training=fast_settings.training.replace(steps=1_000_000))


@pytest.fixture
def sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the worker be on a machine that shares no disk with us."""
    from napari_em_autoclass.core.elsewhere import remote_trainer

    for module in (placing, remote_trainer):
        monkeypatch.setattr(module, "sees_folder", lambda *_: False)


def test_a_run_elsewhere_is_the_run_it_would_be_here_bit_for_bit(
    make: Make, stack: Volume, fast_settings: RunSettings, tmp_path: Path
) -> None:
    here = played(Trainer(stack, fast_settings, run_dir=tmp_path / "here"))
    trainer = make()
    there = played(trainer)
    assert [step.total for step in steps_of(there)] == [step.total for step in steps_of(here)]
    # A picture or a checkpoint that nobody fetched in time is left out; nothing else is.
    rare = {"SnapshotTaken", "CheckpointSaved"}
    assert [k for k in kinds_of(there) if k not in rare] == [k for k in kinds_of(here) if k not in rare]
    assert isinstance(there[0], RunStarted)
    assert isinstance(there[-1], RunEnded)
    assert curves(trainer.run_dir) == curves(tmp_path / "here")
    weights = [(run / "weights.safetensors") for run in (trainer.run_dir, tmp_path / "here")]
    (theirs, _), (ours, _) = (RunFolder.open(path.parent).load_weights() for path in weights)
    assert ours.keys() == theirs.keys()
    assert all(ours[name].equal(theirs[name]) for name in ours)


def test_settings_and_view_change_while_it_runs(make: Make, endless: RunSettings) -> None:
    trainer = make(endless)
    view = ViewRequest(3, 0, 20, 0, 30, serial=7)
    changed = None
    for event in trainer.events():
        if isinstance(event, StepDone) and changed is None:
            terms = tuple(term.replace(weight=0.0) for term in trainer.settings.terms[:-1])
            changed = trainer.settings.replace(terms=(*terms, trainer.settings.terms[-1]))
            trainer.settings, trainer.view = changed, view
        if isinstance(event, SnapshotTaken) and event.view == view:
            assert event.classes.shape == (20, 30)
            trainer.stop()
    assert RunFolder.open(trainer.run_dir).settings == changed


def test_what_may_not_change_is_refused_here(make: Make) -> None:
    trainer = make()
    with pytest.raises(InputError, match="can't be changed"):
        trainer.settings = trainer.settings.replace(n_classes=7)


def test_a_paused_training_answers_views_and_goes_on(make: Make, endless: RunSettings) -> None:
    trainer = make(endless)
    events = trainer.events()
    next(event for event in events if isinstance(event, StepDone))
    trainer.is_paused = True
    view = ViewRequest(1, 0, 10, 0, 10, serial=3)
    trainer.view = view
    next(event for event in events if isinstance(event, SnapshotTaken) and event.view == view)
    trainer.is_paused = False
    next(event for event in events if isinstance(event, StepDone))
    trainer.stop()
    assert [event.reason for event in events if isinstance(event, RunEnded)] == ["stopped"]


def test_an_error_there_is_raised_here_with_its_type(make: Make, fast_settings: RunSettings) -> None:
    with pytest.raises(InputError, match=r"smaller|larger"):
        played(make(fast_settings.replace(tiles=fast_settings.tiles.replace(size_px=512))))


def test_a_folder_that_holds_a_run_is_refused_before_anything_is_sent(make: Make) -> None:
    trainer = make()
    played(trainer)
    with pytest.raises(InputError, match="already holds a run"):
        make(run_dir=str(trainer.run_dir))


def test_closing_the_events_saves_the_run_and_ends_it(
    make: Make, endless: RunSettings, connected: Callable[[], Cluster]
) -> None:
    trainer = make(endless)
    events = trainer.events()
    next(event for event in events if isinstance(event, StepDone))
    events.close()
    assert RunFolder.open(trainer.run_dir).load_weights()[1].step >= 1
    assert infos_of(trainer, connected()) == []


@pytest.mark.usefixtures("sees_nothing")
def test_without_a_shared_disk_the_run_folder_here_is_complete_all_the_same(make: Make, stack: Volume) -> None:
    trainer = make()
    events = played(trainer)
    saved = [event for event in events if isinstance(event, CheckpointSaved)]
    assert {event.path for event in saved} == {str(trainer.run_dir)}
    folder = RunFolder.open(trainer.run_dir)
    assert folder.load_weights()[1].stage == "done"
    assert [row["step"] for row in folder.log()] == [1, 2, 3]
    assert folder.history.present.n_classes == 4


@pytest.mark.usefixtures("sees_nothing")
def test_a_run_goes_on_elsewhere_without_a_shared_disk(
    make: Make, stack: Volume, fast_settings: RunSettings, tmp_path: Path
) -> None:
    whole = played(Trainer(stack, fast_settings, run_dir=tmp_path / "whole"))
    two = fast_settings.replace(training=fast_settings.training.replace(keep_best=False))
    played(Trainer(stack, two, run_dir=tmp_path / "part"))
    longer = two.replace(training=two.training.replace(steps=5))
    assert len(steps_of(whole)) == 3
    events = played(make(longer, run_dir=str(tmp_path / "part"), resume=True))
    assert [step.step for step in steps_of(events)] == [4, 5]
    assert RunFolder.open(tmp_path / "part").settings == longer


def test_a_training_that_keeps_going_is_found_and_followed_by_another(
    make: Make, endless: RunSettings, connected: Callable[[], Cluster], fast_settings: RunSettings
) -> None:
    trainer = make(endless, keeps_going=True)
    events = trainer.events()
    next(event for event in events if isinstance(event, StepDone))
    events.close()  # the viewer is closed
    cluster = connected()
    (info,) = infos_of(trainer, cluster)
    assert (info.run_id, info.state, info.volume_name) == (trainer.run_id, "learning", "phantom")
    later = RemoteTrainer.attached(cluster, info)
    seen = []
    for event in later.events():
        seen.append(event)
        if isinstance(event, StepDone) and event.step > info.step:
            later.stop()
    assert isinstance(seen[0], RunStarted)
    steps = [step.step for step in steps_of(seen)]
    assert steps == list(range(1, len(steps) + 1))  # those nobody listened to as well
    assert RunFolder.open(trainer.run_dir).load_weights()[1].step == steps[-1]
    assert infos_of(trainer, connected()) == []


def test_following_a_training_that_is_over_and_fetched_is_refused(
    make: Make, endless: RunSettings, connected: Callable[[], Cluster]
) -> None:
    trainer = make(endless, keeps_going=True)
    events = trainer.events()
    next(event for event in events if isinstance(event, StepDone))
    events.close()
    (info,) = infos_of(trainer, connected())
    first, second = (RemoteTrainer.attached(connected(), info) for _ in range(2))
    first.stop()
    played(first)
    with pytest.raises(InputError, match="over"):
        played(second)


def test_a_slow_listener_misses_pictures_but_no_step(make: Make, endless: RunSettings) -> None:
    often = endless.replace(training=endless.training.replace(snapshot_every_s=0.001, checkpoint_every_s=0.001))
    trainer = make(often)
    trainer.view = ViewRequest(1, 0, 10, 0, 10)
    pictured, steps = set(), []
    for event in trainer.events():
        if isinstance(event, SnapshotTaken):
            pictured.add(event.step)
        if isinstance(event, StepDone):
            steps.append(event.step)
            if event.step == 1:
                time.sleep(1.0)  # what is slow is the case
            if event.step == 20:
                trainer.stop()
    assert steps == list(range(1, len(steps) + 1))
    assert len(pictured) < len(steps)


def test_a_full_cluster_is_said_and_can_be_waited_for_or_given_up(
    make: Make, connected: Callable[[], Cluster], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_em_autoclass.core.elsewhere import remote_trainer

    monkeypatch.setattr(remote_trainer, "_SAY_WAITING_AFTER_S", 0.0)
    monkeypatch.setattr(remote_trainer, "_WAIT_S", 0.05)
    go_on, client = tmp_path / "go on", connected().client

    def occupy(_: int, path: str = str(go_on)) -> None:
        import os
        import time

        while not os.path.exists(path):
            time.sleep(0.01)

    others = client.map(occupy, range(4), pure=False)  # as many as the worker has threads
    trainer = make()
    try:
        events = trainer.events()
        assert "Waiting" in getattr(next(events), "message", "")
        trainer.stop()
        assert [getattr(event, "reason", None) for event in events] == ["stopped"]
    finally:
        go_on.touch()
        client.gather(others)


def test_a_worker_that_is_gone_is_said_with_what_is_kept(
    make: Make, endless: RunSettings, connected: Callable[[], Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make(endless)
    ask = Cluster.ask

    def gone(cluster: Cluster, worker: str, function: Any, *arguments: Any) -> Any:
        if saved:
            raise WorkerLost(f"the worker {worker} is gone")
        return ask(cluster, worker, function, *arguments)

    saved: list[int] = []
    monkeypatch.setattr(Cluster, "ask", gone)
    with pytest.raises(WorkerLost, match=r"gone; what was learned up to step \d+ is in .*, go on from there"):
        for event in trainer.events():
            saved += [event.step] if isinstance(event, CheckpointSaved) else []
    monkeypatch.undo()
    # Stop what is left, as the worker's patience would after a minute.
    cluster = connected()
    (info,) = infos_of(trainer, cluster)
    later = RemoteTrainer.attached(cluster, replace(info, keeps_going=False))
    later.stop()
    played(later)
