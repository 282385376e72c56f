"""A trainer that plays a recorded list of events, and sessions and stacks for the panels."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.cluster  # noqa: F401  or the dock loads it in a thread, where warnings that napari ignores become errors
import torch  # noqa: F401  the same

from napari_em_autoclass.core.events import (
    CheckpointSaved,
    CutRequest,
    CutTaken,
    Event,
    RunEnded,
    RunStarted,
    SnapshotTaken,
    StepDone,
    ViewRequest,
)
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.session import Session
from napari_em_autoclass.gui.wishes import RunOrder

SHAPE = (5, 32, 48)
K = 4


class FakeRun:
    """Answers like a trainer, as fast as it is asked; goes on until stopped if `endless`."""

    def __init__(self, order: RunOrder | None = None, n_steps: int = 3, endless: bool = False) -> None:
        self.order = order
        self.run_id = f"run-{id(self)}"
        self.settings: Any = None
        self.view: ViewRequest | CutRequest | None = None
        self.is_paused = False
        self.n_steps, self.endless = n_steps, endless
        self.stopped = self.closed = self.begun = False
        self.failure: Exception | None = None

    def stop(self) -> None:
        self.stopped = True

    def started(self) -> RunStarted:
        return RunStarted(self.run_id, K, "cpu", "CPU, because no GPU was found", (50.0, 4.0, 4.0), (8.0, 8.0), SHAPE)

    def step(self, number: int, effective: float = 3.6) -> StepDone:
        terms = (("forecast", 5.0 / (number + 1)), ("balance", 0.1))
        usage = (0.4, 0.3, 0.2, 0.1)
        return StepDone(self.run_id, number, number / 100, 0.1 * number, terms, 1.0, effective, usage)

    def seen(self, view: ViewRequest | CutRequest, step: int = 0) -> SnapshotTaken | CutTaken:
        """Answer a section at once, a cut in all its sections but the last."""
        if isinstance(view, ViewRequest):
            return self.snapshot(view, step)
        sections = tuple(range(view.z0, max(view.z1 - 1, view.z0 + 1)))
        strips = np.ones((len(sections), view.y1 - view.y0, view.x1 - view.x0), np.uint8)
        classes = strips * (1 + np.array(sections, np.uint8)[:, None, None] % K)
        probs = tuple((i, strips * (100 + i)) for i in view.prob_classes)
        corner = (view.y0, view.x0)
        return CutTaken(self.run_id, step, "learning", view, sections, corner, classes, strips * 200, probs, True)

    def snapshot(self, view: ViewRequest, step: int = 0) -> SnapshotTaken:
        shape = (view.y1 - view.y0, view.x1 - view.x0)
        classes = np.full(shape, 1 + view.z % K, np.uint8)
        probs = tuple((i, np.full(shape, 100 + i, np.uint8)) for i in view.prob_classes)
        return SnapshotTaken(self.run_id, step, "learning", view, classes, np.full(shape, 200, np.uint8), probs)

    def ended(self, reason: Any = "finished") -> RunEnded:
        return RunEnded(self.run_id, self.n_steps, reason, "")

    def events(self) -> Generator[Event, None, None]:
        self.begun = True
        try:
            yield from self._events()
        finally:
            self.closed = True

    def _events(self) -> Iterator[Event]:
        import time

        yield self.started()
        number, shown = 0, None
        while not self.stopped and (self.endless or number < self.n_steps):
            if self.failure is not None:
                raise self.failure
            if self.view != shown and self.view is not None:
                shown = self.view
                yield self.seen(shown, number)
            if self.is_paused:
                time.sleep(0.002)
                continue
            number += 1
            yield self.step(number)
            if self.endless:
                time.sleep(0.002)  # a real step takes time too, and the event queue must not fill up
        if self.view is not None:
            yield self.seen(self.view, number)
        yield self.ended("stopped" if self.stopped else "finished")


@pytest.fixture
def fake_run() -> type[FakeRun]:
    """Give the class, for tests that make their own."""
    return FakeRun


@pytest.fixture
def volume() -> Volume:
    """Give a tiny stack of noise."""
    data = np.random.default_rng(0).integers(0, 255, SHAPE, dtype=np.uint8)
    return Volume(data, (50.0, 4.0, 4.0), "tiny", "tiny.tif")


@pytest.fixture
def runs() -> list[FakeRun]:
    """Give the list into which `session` puts each run it opens."""
    return []


@pytest.fixture
def make_session(qtbot: Any, runs: list[FakeRun]) -> Iterator[Callable[..., Session]]:
    """Give what makes sessions with fake runs; they are closed at the end."""
    made: list[Session] = []

    def make(**options: Any) -> Session:
        def open_run(order: RunOrder) -> FakeRun:
            runs.append(FakeRun(order, **options))
            return runs[-1]

        def open_view(run_dir: Path, volume: Volume) -> Callable[[ViewRequest | CutRequest], SnapshotTaken | CutTaken]:
            return lambda view: FakeRun().seen(view, 99)

        made.append(Session(open_run, open_view))
        return made[-1]

    yield make
    for session in made:
        session.close()
        qtbot.waitUntil(lambda: all(run.closed or not run.begun for run in runs), timeout=5000)
        session.deleteLater()


@pytest.fixture
def session(make_session: Callable[..., Session], volume: Volume) -> Session:
    """Give a session on the tiny stack whose runs go on until stopped."""
    made = make_session(endless=True)
    made.use(volume)
    return made


__all__ = ["CheckpointSaved", "FakeRun"]
