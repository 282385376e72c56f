"""A dock that is closed and opened again takes up the run that is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from folder_run import fake_survey, folder_run
from napari.components import ViewerModel
from napari.layers import Labels
from random_user import stack_of_kind
from tiny_run import make_tiny_run

from napari_em_autoclass.core.run_lock import RunLock
from napari_em_autoclass.gui.dock import AutoclassDock
from napari_em_autoclass.gui.session import RunState, Session

K = 4


@pytest.fixture(scope="module")
def made(phantom: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_tiny_run(phantom, tmp_path_factory.mktemp("runs"))


@pytest.fixture
def viewer(qtbot: Any, rng: Any) -> ViewerModel:
    made = ViewerModel()
    data, known = stack_of_kind("3D", rng)
    made.add_image(data, name="stack", **known)
    return made


@pytest.fixture
def open_dock(qtbot: Any, viewer: ViewerModel, fake_run: Any, made: Any) -> Any:
    """Give what opens a dock whose trainings are fakes that leave a run folder."""
    docks: list[AutoclassDock] = []
    runs: list[Any] = []

    def open_run(order: Any) -> Any:
        runs.append(folder_run(fake_run, made[0])(order))
        return runs[-1]

    def make() -> AutoclassDock:
        dock = AutoclassDock(viewer, Session(open_run, lambda run_dir, volume: lambda view: fake_run().seen(view)))
        dock.class_panel.surveyor._look = fake_survey
        dock.training_panel.classes_box.setValue(K)
        qtbot.addWidget(dock)
        docks.append(dock)
        return dock

    yield make
    for dock in docks:
        dock.close_down()
    qtbot.waitUntil(lambda: all(run.closed or not run.begun for run in runs), timeout=5000)


def learn(qtbot: Any, dock: AutoclassDock) -> Path:
    dock.training_panel.learn_button.click()
    qtbot.waitUntil(lambda: dock.class_panel.suggestions._has_weights, timeout=10_000)
    return Path(dock.session.run_dir)


def test_the_next_dock_takes_up_what_the_last_one_was_learning(qtbot: Any, viewer: ViewerModel, open_dock: Any) -> None:
    first = open_dock()
    run_dir = learn(qtbot, first)
    first.class_panel.table.renamed.emit(1, "axon")
    first.close_down()
    second = open_dock()
    qtbot.waitUntil(lambda: second.session.run_dir == run_dir, timeout=20_000)
    assert second.decisions.class_map.name_of(1) == "axon"
    assert second.class_panel.undo_button.isEnabled()
    assert second.training_panel.learn_button.text().strip() == "Learn more"
    (ours,) = (layer for layer in viewer.layers if isinstance(layer, Labels))
    assert ours is second.layers.class_layer


def test_it_waits_until_the_training_has_saved_itself(qtbot: Any, viewer: ViewerModel, open_dock: Any) -> None:
    first = open_dock()
    run_dir = learn(qtbot, first)
    first.close_down()
    lock = RunLock.take(run_dir)
    second = open_dock()
    said: list[tuple[str, bool]] = []
    second.session.said.connect(lambda *told: said.append(told))
    qtbot.wait(250)
    assert (second.session.run_dir, said) == (None, [])
    lock.release()
    qtbot.waitUntil(lambda: second.session.run_dir == run_dir, timeout=20_000)


def test_a_run_that_had_learned_nothing_is_left_alone(qtbot: Any, viewer: ViewerModel, open_dock: Any) -> None:
    first = open_dock()
    (learn(qtbot, first) / "weights.safetensors").unlink()
    first.close_down()
    second = open_dock()
    said: list[tuple[str, bool]] = []
    second.session.said.connect(lambda *told: said.append(told))
    qtbot.wait(50)
    assert second.session.run_dir is None
    assert second.session.state is RunState.IDLE
    assert not [sentence for sentence, is_error in said if is_error]
