"""Whatever a user does, in whatever order: no exception, nothing left behind, and what is shown is what is."""

from __future__ import annotations

import gc
import logging
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dock_checks import busy_with, check_dock, check_undo, our_ears
from folder_run import fake_parts, fake_probabilities, fake_relations, fake_survey, folder_run
from qtpy.QtCore import QThreadPool
from qtpy.QtGui import QColor
from qtpy.QtTest import QAbstractItemModelTester
from qtpy.QtWidgets import QApplication, QColorDialog
from random_learner import RandomLearner
from random_user import stack_of_kind
from tiny_run import make_tiny_run

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui import dock as dock_module
from napari_em_autoclass.gui import effort, export_panel, sample
from napari_em_autoclass.gui.dock import AutoclassDock
from napari_em_autoclass.gui.session import Session

N_SHOWN = 30  # actions, where one fails


@pytest.fixture(scope="module")
def made(phantom: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_tiny_run(phantom, tmp_path_factory.mktemp("runs"))


class Errors(logging.Handler):
    """Keeps what was logged as an error and is none of the user's."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{record.name}: {self.format(record)}"
        if not (record.exc_info and isinstance(record.exc_info[1], InputError)):
            self.found.append(text)
        record.exc_info = None  # pytest keeps records, and their tracebacks would keep docks


@pytest.fixture
def errors() -> Any:
    handler = Errors()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace what would take long or open a window; give the list of the errors that the user is told."""
    told: list[str] = []
    rng = np.random.default_rng(0)

    def export(order: Any, report: Callable[[float], None]) -> Path:
        for tenth in range(10):
            report(tenth / 10)
            time.sleep(0.01)
        return Path(order.path)

    def make_sample(report: Callable[[float], None]) -> Volume:
        return Volume(rng.integers(0, 255, (4, 20, 30), dtype=np.uint8), (50.0, 4.0, 4.0), "sample", "sample")

    def color(*_: object) -> QColor:
        return QColor(*(int(value) for value in rng.integers(0, 255, 3)))

    monkeypatch.setattr(dock_module, "show_error", told.append)
    monkeypatch.setattr(export_panel, "export", export)
    monkeypatch.setattr(sample, "make_sample", make_sample)
    monkeypatch.setattr(effort, "estimate_sentence", lambda *_, **__: "about a minute")
    monkeypatch.setattr(QColorDialog, "getColor", staticmethod(color))
    return told


@pytest.fixture
def quick() -> Any:
    """Let Python not look through what torch brought along at each deleted layer, as napari asks it to."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


class Game:
    """A viewer with a stack, random users who act in it, and the rules that hold at any moment."""

    def __init__(self, qtbot: Any, viewer: Any, run_class: Any, told: tuple[Errors, list[str]]) -> None:
        self.qtbot, self.viewer, self.run_class = qtbot, viewer, run_class
        self.errors, self.said = told
        self.runs: list[Any] = []
        data, known = stack_of_kind("3D", np.random.default_rng(0))
        viewer.add_image(data, name="first", **known)

    def play(self, seed: int, numbers: Any, our_run: Path, folder: Path) -> RandomLearner:
        """Let a user do the actions with these numbers, then close all docks."""
        assert our_ears(self.viewer) == []
        user = RandomLearner(self.viewer, self.open_dock, QApplication.processEvents, seed)
        assert len(our_ears(self.viewer)) > 10  # else the check would prove nothing
        user.our_run, user.folder, user.runs = our_run, folder, self.runs
        try:
            with self.qtbot.captureExceptions() as raised:
                user.act(numbers, lambda number: self.check(user, number, raised))
                self.close_all(user)
                assert not raised, raised
        except BaseException as error:
            error.add_note("\n".join(["The last actions:", *user.log[-N_SHOWN:]]))
            raise
        assert our_ears(self.viewer) == []
        return user

    def open_dock(self) -> AutoclassDock:
        def open_run(order: Any) -> Any:
            self.runs.append(self.run_class(order))
            return self.runs[-1]

        def open_view(run_dir: Path, volume: Volume) -> Any:
            return lambda view: self.run_class.__base__().seen(view, 99)

        dock = AutoclassDock(self.viewer, Session(open_run, open_view))
        panel = dock.class_panel
        panel.surveyor._look, panel.surveyor._ask = fake_survey, fake_probabilities
        panel.suggestions._compare, panel.edits._find = fake_relations, fake_parts
        fatal = QAbstractItemModelTester.FailureReportingMode.Fatal
        panel.testers = [QAbstractItemModelTester(model, fatal, panel) for model in (panel.table, panel.rows)]
        self.viewer.window.add_dock_widget(dock, name="EM Autoclass", area="right")
        return dock

    def check(self, user: RandomLearner, number: int, raised: Any) -> None:
        """Check what can be checked at once, and every 20 actions all, once nothing is under way."""
        assert not raised, raised
        assert not self.errors.found, self.errors.found
        assert not [sentence for sentence in self.said if "Traceback" in sentence or not sentence.strip()]
        if number % 20 != 19:
            return
        self.qtbot.waitUntil(lambda: none_of([busy_with(dock) for dock in user.docks]), timeout=10_000)
        for dock in user.docks:
            check_dock(dock, self.viewer, user.renamed)
            check_undo(dock)
            check_dock(dock, self.viewer, user.renamed)
        ours = [layer for layer in user.our_layers() if layer.metadata["napari-em-autoclass"] == "classes"]
        assert {*ours} <= {one.class_layer for one in (*user.closed, *(dock.layers for dock in user.docks))}

    def close_all(self, user: RandomLearner) -> None:
        """Close what is open: no thread goes on, and nobody holds on to a dock."""
        docks = [weakref.ref(dock) for dock in user.docks]
        while user.docks:
            user.close(user.docks[0])
        user.dock = None
        self.qtbot.waitUntil(lambda: all(run.closed or not run.begun for run in self.runs), timeout=10_000)
        pool = QThreadPool.globalInstance()
        self.qtbot.waitUntil(lambda: pool.activeThreadCount() == 0, timeout=10_000)
        self.qtbot.waitUntil(lambda: none_left(docks), timeout=5000)


def none_left(docks: list[Any]) -> None:
    gc.collect()
    left = [ref() for ref in docks if ref() is not None]
    assert left == [], [type(holder) for holder in gc.get_referrers(*left)]


def none_of(works: list[list[str]]) -> None:
    assert not any(works), works


@pytest.fixture
def game(
    qtbot: Any, make_napari_viewer: Any, fake_run: Any, made: Any, errors: Errors, said: list[str], quick: None
) -> Game:
    return Game(qtbot, make_napari_viewer(), folder_run(fake_run, made[0]), (errors, said))


def test_150_actions_of_a_user(game: Game, made: Any, tmp_path: Path) -> None:
    game.play(1, range(150), made[0], tmp_path)


@pytest.mark.slow
def test_2000_actions_of_a_user(game: Game, made: Any, tmp_path: Path) -> None:
    user = game.play(5, range(2000), made[0], tmp_path)
    done = {line.split()[1] for line in user.log if line[0].isdigit()}
    assert done == set(user._actions)  # nothing was left out by chance
    assert len(game.runs) > 20
