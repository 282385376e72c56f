"""The whole life of a worker, pinned down as a sequence of signals."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import Any

import pytest
from qtpy.QtCore import QThreadPool

from napari_em_autoclass.gui.worker import Report, TaskWorker, TrainingWorker


def is_event(kind: str) -> Any:
    return lambda event: type(event).__name__ == kind


def test_a_run_is_opened_then_told_then_finished(qtbot: Any, fake_run: Any) -> None:
    run = fake_run(n_steps=2)
    worker = TrainingWorker(lambda: run)
    signals = [worker.started, worker.opened, *[worker.event] * 4, worker.finished]
    checks = [None, None, *map(is_event, ("RunStarted", "StepDone", "StepDone", "RunEnded")), None]
    with qtbot.waitSignals(signals, order="strict", check_params_cbs=checks, timeout=3000):
        worker.start()
    assert run.closed
    assert not worker.is_running


@pytest.mark.parametrize("error", [ValueError("no"), RuntimeError("out of memory"), KeyError("x")], ids=repr)
def test_an_error_in_a_step_is_told_and_ends_the_worker(qtbot: Any, fake_run: Any, error: Exception) -> None:
    run = fake_run()
    run.failure = error
    worker = TrainingWorker(lambda: run)
    signals = [worker.started, worker.opened, worker.event, worker.errored, worker.finished]
    checks = [None, None, None, lambda told: told is error, None]
    with qtbot.waitSignals(signals, order="strict", check_params_cbs=checks, timeout=3000):
        worker.start()
    assert run.closed
    assert not worker.is_running


def test_an_error_on_opening_is_told_too(qtbot: Any) -> None:
    def fail() -> Any:
        raise RuntimeError("no torch here")

    worker = TrainingWorker(fail)
    with qtbot.waitSignals([worker.started, worker.errored, worker.finished], order="strict", timeout=3000):
        worker.start()


def test_a_stop_iteration_that_escapes_is_an_error_and_no_end(qtbot: Any, fake_run: Any) -> None:
    run = fake_run()
    run.failure = StopIteration("escaped")  # Python makes a RuntimeError of it inside a generator
    worker = TrainingWorker(lambda: run)
    with qtbot.waitSignals([worker.errored, worker.finished], order="strict", timeout=3000):
        worker.start()


def test_stop_is_told_as_the_end_of_the_run(qtbot: Any, fake_run: Any) -> None:
    run = fake_run(endless=True)
    worker = TrainingWorker(lambda: run)
    with qtbot.waitSignal(worker.event, timeout=3000):
        worker.start()
    ended = lambda event: getattr(event, "reason", "") == "stopped"  # noqa: E731
    with (
        qtbot.waitSignal(worker.event, check_params_cb=ended, timeout=3000),
        qtbot.waitSignal(worker.finished, timeout=3000),
    ):
        run.stop()


@pytest.mark.parametrize("paused", [False, True])
def test_quit_closes_the_generator_also_while_paused(qtbot: Any, fake_run: Any, paused: bool) -> None:
    run = fake_run(endless=True)
    run.is_paused = paused
    worker = TrainingWorker(lambda: run)
    with qtbot.waitSignal(worker.event, timeout=3000):
        worker.start()
    with qtbot.waitSignal(worker.finished, timeout=3000):
        worker.quit()
    assert run.closed


def test_warnings_in_the_thread_are_signals(qtbot: Any) -> None:
    def warn() -> Any:
        import warnings

        warnings.warn("careful", UserWarning, stacklevel=1)
        raise ValueError("end")

    worker = TrainingWorker(warn)
    with qtbot.waitSignals([worker.warned, worker.errored, worker.finished], timeout=3000):
        worker.start()


def test_a_task_reports_and_returns(qtbot: Any) -> None:
    def task(report: Report) -> str:
        report(0.5)
        return "done"

    worker = TaskWorker(task)
    checks = [None, lambda fraction: fraction == 0.5, lambda result: result == "done", None]
    signals = [worker.started, worker.progressed, worker.returned, worker.finished]
    with qtbot.waitSignals(signals, order="strict", check_params_cbs=checks, timeout=3000):
        worker.start()


def test_a_cancelled_task_unwinds_and_returns_nothing(qtbot: Any) -> None:
    unwound: list[bool] = []

    def blocks(report: Report) -> Generator[int, None, None]:
        try:
            for i in range(10**9):
                yield i
                report(0.0)
        finally:
            unwound.append(True)

    worker = TaskWorker(lambda report: sum(blocks(report)))
    with qtbot.waitSignal(worker.progressed, timeout=3000):
        worker.start()
    with (
        qtbot.assertNotEmitted(worker.returned),
        qtbot.waitSignals([worker.cancelled, worker.finished], order="strict", timeout=3000),
    ):
        worker.quit()
    assert unwound == [True]


def test_a_task_does_not_wait_for_trainings_however_few_cores_there_are(qtbot: Any, fake_run: Any) -> None:
    n_threads = QThreadPool.globalInstance().maxThreadCount()
    trainings = [TrainingWorker(lambda: fake_run(endless=True)) for _ in range(n_threads + 1)]
    may_end = threading.Event()
    tasks = [TaskWorker(lambda report: may_end.wait(5)) for _ in range(n_threads)]
    with qtbot.waitSignals([worker.started for worker in (*trainings, *tasks)], timeout=5000):
        for worker in (*trainings, *tasks):
            worker.start()
    last = TaskWorker(lambda report: "done")
    with qtbot.waitSignal(last.returned, timeout=5000):
        last.start()
    with qtbot.waitSignals([worker.finished for worker in (*trainings, *tasks)], timeout=5000):
        may_end.set()
        for worker in trainings:
            worker.quit()
    qtbot.waitUntil(lambda: QThreadPool.globalInstance().activeThreadCount() == 0, timeout=5000)
