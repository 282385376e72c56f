from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from types import SimpleNamespace
from typing import Any

from napari_em_autoclass.core.elsewhere import worker_side
from napari_em_autoclass.core.elsewhere.order import Order, Parcel
from napari_em_autoclass.core.elsewhere.worker_side import Heard, TrainingTask
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import RunEnded, RunStarted, StepDone
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.io.reference import ByValue


class OneWayError(Exception):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.held = Lock()  # goes nowhere


def worker_of(task: TrainingTask) -> Any:
    return SimpleNamespace(extensions={"napari-em-autoclass": {task.order.run_id: task}})


def heard(task: TrainingTask, after: int = 0) -> Heard:
    answer = asyncio.run(worker_side.hear(task.order.run_id, after, 0.0, dask_worker=worker_of(task)))
    found: Heard = pickle.loads(answer)
    return found


def test_a_task_trains_in_the_folder_of_the_order_and_keeps_what_happened(
    make_order: Callable[..., Order], value: Callable[[], ByValue]
) -> None:
    task = TrainingTask(make_order(), Parcel(value()))
    task.run()
    said = heard(task)
    events = [event for _, event in said.events]
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], RunEnded)
    assert [event.step for event in events if isinstance(event, StepDone)] == [1, 2, 3]
    assert {event.run_id for event in events} == {task.order.run_id}
    assert said.is_over
    assert said.error is None
    assert (task.run_dir / "weights.safetensors").exists()


def test_what_goes_wrong_is_kept_with_its_type(make_order: Callable[..., Order], value: Callable[[], ByValue]) -> None:
    task = TrainingTask(replace(make_order(), fingerprint="of another stack"), Parcel(value()))
    task.run()
    said = heard(task)
    assert said.is_over
    assert isinstance(said.error, InputError)
    assert "another stack" in str(said.error)


def test_an_error_that_cant_be_sent_becomes_one_that_can(make_order: Callable[..., Order]) -> None:
    def fails() -> Any:
        raise OneWayError("boom")

    task = TrainingTask(make_order(open_volume=fails))
    task.run()
    assert str(heard(task).error) == "OneWayError: boom"


def test_wishes_made_before_the_trainer_is_there_are_granted(
    make_order: Callable[..., Order], value: Callable[[], ByValue], fast_settings: RunSettings
) -> None:
    endless = fast_settings.replace(training=fast_settings.training.replace(steps=100_000))
    task = TrainingTask(make_order(endless), Parcel(value()))
    task.wish({"stop": True})
    task.run()
    last = heard(task).events[-1][1]
    assert isinstance(last, RunEnded)
    assert last.reason == "stopped"


def test_a_training_that_nobody_listens_to_ends_and_one_that_keeps_going_does_not(
    make_order: Callable[..., Order], value: Callable[[], ByValue], fast_settings: RunSettings
) -> None:
    endless = fast_settings.replace(training=fast_settings.training.replace(steps=100_000))
    alone = TrainingTask(make_order(endless), Parcel(value()), patience_s=0.05)
    alone.run()
    ended = heard(alone).events[-1][1]
    assert isinstance(ended, RunEnded)
    assert ended.reason == "stopped"
    kept = TrainingTask(make_order(keeps_going=True), Parcel(value()), patience_s=1e-9)
    kept.run()
    ended = heard(kept).events[-1][1]
    assert isinstance(ended, RunEnded)
    assert ended.reason == "finished"


def test_a_worker_without_the_run_folder_trains_in_one_of_its_own_which_is_fetched_and_forgotten(
    make_order: Callable[..., Order], value: Callable[[], ByValue]
) -> None:
    task = TrainingTask(replace(make_order(), sees_run_dir=False), Parcel(value()))
    task.run()
    worker, run_id = worker_of(task), task.order.run_id
    assert str(task.run_dir) != task.order.run_dir
    files = worker_side.fetch(run_id, dask_worker=worker)
    assert {"run.json", "weights.safetensors", "log.jsonl", "classes.json"} <= set(files)
    assert [info.state for info in worker_side.infos(dask_worker=worker)] == ["ended"]
    worker_side.forget(run_id, dask_worker=worker)
    assert worker_side.infos(dask_worker=worker) == []
    assert not task.run_dir.parent.exists()


def test_asking_for_a_run_that_is_not_there_is_answered() -> None:
    worker = SimpleNamespace(extensions={})
    assert pickle.loads(asyncio.run(worker_side.hear("none", 0, 0.0, dask_worker=worker))) is None
    assert worker_side.fetch("none", dask_worker=worker) == {}
    worker_side.wish("none", {"stop": True}, dask_worker=worker)
    worker_side.forget("none", dask_worker=worker)


def test_whether_a_stack_can_be_opened_is_told_in_words() -> None:
    def fails() -> Any:
        raise InputError("no such file")

    assert asyncio.run(worker_side.opens(fails)) == "no such file"
    assert asyncio.run(worker_side.opens(lambda: None)) == ""
