"""A run dropped on the viewer, on the dock, or chosen from a menu: all is as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dropping import drop
from napari.layers import Image, Labels
from qtpy.QtWidgets import QWidget
from tiny_run import STEPS, K, copy_run, make_tiny_run

from napari_em_autoclass import contributions
from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.run_lock import LOCK_NAME
from napari_em_autoclass.gui.dock import AutoclassDock
from napari_em_autoclass.gui.reopen import RUN
from napari_em_autoclass.gui.run_place import runs_folder
from napari_em_autoclass.gui.session import RunState, Session
from napari_em_autoclass.gui.source import SOURCE

PLUGIN = "napari-em-autoclass"


@pytest.fixture(scope="module")
def made(phantom: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    changes = (
        "terms.balance.weight=2.5",
        "region=0:5,8:64,0:56",
        "working_pixel_nm=4",
        "skip_sections=[2]",
        "seed=7",
    )
    return make_tiny_run(phantom, tmp_path_factory.mktemp("runs"), *changes)


@pytest.fixture
def viewer(make_napari_viewer_proxy: Any) -> Any:
    return make_napari_viewer_proxy(strict_qt=True)


@pytest.fixture
def open_dock(qtbot: Any, viewer: Any, make_session: Any) -> Any:
    """Give what opens a dock; with a real session if asked."""
    docks: list[AutoclassDock] = []

    def make(is_real: bool = False) -> AutoclassDock:
        dock = AutoclassDock(viewer, Session() if is_real else make_session(endless=True))
        viewer.window.add_dock_widget(dock, name="EM Autoclass", area="right")
        docks.append(dock)
        return dock

    yield make
    for dock in docks:
        dock.close_down()


def wait_for_run(qtbot: Any, dock: AutoclassDock, run_dir: Path) -> None:
    qtbot.waitUntil(lambda: dock.session.run_dir == run_dir, timeout=20000)


def layers_of(viewer: Any, kind: type) -> list[Any]:
    return [layer for layer in viewer.layers if isinstance(layer, kind)]


def check_all_is_as_it_was(dock: AutoclassDock, viewer: Any, run_dir: Path) -> None:
    class_map, panel = dock.decisions.class_map, dock.training_panel
    assert class_map is not None
    assert class_map == RunFolder.open(run_dir).history.present
    assert [dock.class_panel.rows.index(row, 2).data() for row in range(3)].count("mitochondria") == 1
    assert dock.class_panel.undo_button.isEnabled()
    assert dock.class_panel.redo_button.isEnabled()
    assert (panel.recipe_box.currentData(), panel.classes_box.value()) == ("neighbour-forecast", K)
    assert panel.sliders.weights["balance"] == 2.5
    assert panel.wishes.advanced.seed == 7
    assert panel.curves.n_points == STEPS
    assert "Learn more" in panel.learn_button.text()
    assert (dock.session.region, dock.session.skip_sections) == ("0:5,8:64,0:56", (2,))
    assert dock.stack_panel.set_up.skip_field.text() == "2"
    assert dock.export_panel.export_button.isEnabled()
    (layer,) = layers_of(viewer, Labels)
    np.testing.assert_array_equal(layer.get_color(1), layer.get_color(2))


def test_a_run_dropped_on_the_viewer_is_taken_up_by_the_dock(
    qtbot: Any, viewer: Any, open_dock: Any, made: Any
) -> None:
    dock = open_dock()
    viewer.open(str(made[0]), plugin=PLUGIN)
    wait_for_run(qtbot, dock, made[0])
    check_all_is_as_it_was(dock, viewer, made[0])
    (stack,) = layers_of(viewer, Image)
    assert stack.metadata[SOURCE] == str(made[1])
    (layer,) = layers_of(viewer, Labels)
    qtbot.waitUntil(lambda: np.asarray(layer.data[2]).all(), timeout=3000)  # what is in view was classified


def test_a_dock_opened_after_the_drop_takes_the_run_up_too(qtbot: Any, viewer: Any, open_dock: Any, made: Any) -> None:
    viewer.open(str(made[0]), plugin=PLUGIN)
    assert len(layers_of(viewer, Labels)) == len(layers_of(viewer, Image)) == 1
    dock = open_dock()
    wait_for_run(qtbot, dock, made[0])
    check_all_is_as_it_was(dock, viewer, made[0])


def test_of_two_docks_one_takes_the_run_up(qtbot: Any, viewer: Any, open_dock: Any, made: Any) -> None:
    docks = [open_dock(), open_dock()]
    viewer.open(str(made[0]), plugin=PLUGIN)
    wait_for_run(qtbot, docks[0], made[0])
    assert docks[1].session.run_dir is None
    assert not docks[1].reopener.is_opening


def test_a_run_dropped_on_the_dock_brings_its_stack(qtbot: Any, viewer: Any, open_dock: Any, made: Any) -> None:
    dock = open_dock()
    assert drop(dock, made[0].as_uri())
    wait_for_run(qtbot, dock, made[0])
    check_all_is_as_it_was(dock, viewer, made[0])


def test_a_stack_dropped_on_the_dock_is_opened(viewer: Any, open_dock: Any, made: Any) -> None:
    dock = open_dock()
    assert drop(dock, made[1].as_uri())
    assert dock.session.volume.source == str(made[1])
    assert dock.session.run_dir is None


def test_the_stack_that_is_in_the_viewer_is_used(
    qtbot: Any, viewer: Any, open_dock: Any, made: Any, phantom: Any
) -> None:
    other = viewer.add_image(255 - phantom.raw, name="other", scale=phantom.voxel_size_nm, units=("nm",) * 3)
    layer = viewer.add_image(phantom.raw, name="mine", scale=phantom.voxel_size_nm, units=("nm",) * 3)
    dock = open_dock()
    assert dock.stack_panel.layer is other or dock.stack_panel.layer == other
    viewer.open(str(made[0]), plugin=PLUGIN)
    wait_for_run(qtbot, dock, made[0])
    assert dock.stack_panel.layer == layer
    assert not [image for image in layers_of(viewer, Image) if RUN in image.metadata]  # the copy is gone again
    check_all_is_as_it_was(dock, viewer, made[0])


def test_a_voxel_size_that_was_typed_is_typed_again(
    qtbot: Any, viewer: Any, open_dock: Any, made: Any, phantom: Any
) -> None:
    dock = open_dock()
    viewer.add_image(phantom.raw, name="no units")
    assert dock.session.volume is None
    dock.reopener.open(str(made[0]))
    wait_for_run(qtbot, dock, made[0])
    assert dock.session.volume.voxel_size_nm == phantom.voxel_size_nm


def test_a_stack_that_moved_is_asked_for_and_the_run_taken_up_when_it_comes(
    qtbot: Any, viewer: Any, open_dock: Any, made: Any, phantom: Any, tmp_path: Path
) -> None:
    run_dir, stack = copy_run(made, tmp_path)
    stack.unlink()
    dock = open_dock()
    said: list[str] = []
    dock.session.said.connect(lambda text, is_error: said.append(text))
    with pytest.warns(UserWarning, match="is not there any more"):
        viewer.open(str(run_dir), plugin=PLUGIN)
    qtbot.waitUntil(lambda: any("is not there any more" in text for text in said), timeout=20000)
    assert len([text for text in said if "is not there any more" in text]) == 1
    assert dock.session.run_dir is None
    viewer.add_image(np.zeros((3, 64, 64), np.uint8), name="another", scale=(50, 4, 4), units=("nm",) * 3)
    viewer.add_image(phantom.raw, name="found", scale=phantom.voxel_size_nm, units=("nm",) * 3)
    wait_for_run(qtbot, dock, run_dir)
    assert dock.stack_panel.layer.name == "found"


def test_a_damaged_run_changes_nothing(
    qtbot: Any, viewer: Any, open_dock: Any, made: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run_dir, _ = copy_run(made, tmp_path)
    (run_dir / "weights.safetensors").write_bytes(b"none")
    dock = open_dock()
    dock.open_path(str(made[1]))
    before = (dock.session.volume, dock.session.run_dir, dock.training_panel.wishes, list(viewer.layers))
    said: list[tuple[str, bool]] = []
    dock.session.said.connect(lambda text, is_error: said.append((text, is_error)))
    dock.reopener.open(str(run_dir))
    qtbot.waitUntil(lambda: any(is_error for _, is_error in said), timeout=20000)
    assert "is damaged" in said[-1][0]
    assert before == (dock.session.volume, dock.session.run_dir, dock.training_panel.wishes, list(viewer.layers))


def test_while_it_learns_no_run_is_opened(qtbot: Any, viewer: Any, open_dock: Any, made: Any) -> None:
    dock = open_dock()
    dock.open_path(str(made[1]))
    dock.training_panel.learn_button.click()
    qtbot.waitUntil(lambda: dock.session.state is RunState.LEARNING, timeout=3000)
    with qtbot.waitSignal(dock.session.said, check_params_cb=lambda text, error: error and "Stop" in text):
        dock.reopener.open(str(made[0]))
    assert not dock.reopener.is_opening


def test_a_recipe_that_is_not_here_lets_learning_begin_anew(
    qtbot: Any, viewer: Any, open_dock: Any, made: Any, tmp_path: Path
) -> None:
    run_dir, _ = copy_run(made, tmp_path)
    content = json.loads((run_dir / "run.json").read_text())
    content["settings"]["recipe"] = "my-own"
    (run_dir / "run.json").write_text(json.dumps(content))
    dock = open_dock()
    dock.reopener.open(str(run_dir))
    wait_for_run(qtbot, dock, run_dir)
    qtbot.waitUntil(lambda: "Learn begins anew" in dock.status.text(), timeout=3000)
    assert "more" not in dock.training_panel.learn_button.text()


def test_an_interrupted_run_is_continued_where_it_was(
    qtbot: Any, viewer: Any, open_dock: Any, made: Any, runs: list[Any]
) -> None:
    home = runs_folder()
    home.mkdir(parents=True)
    run_dir, stack = copy_run(made, home)
    progress = RunFolder.open(run_dir).load_weights()[1].replace(stage="learning")
    RunFolder.open(run_dir).save_weights(RunFolder.open(run_dir).load_weights()[0], progress)
    (run_dir / LOCK_NAME).touch()
    dock = open_dock()
    dock.open_path(str(stack))
    qtbot.waitUntil(lambda: not dock.reopener.offers.isHidden(), timeout=5000)
    dock.reopener.offers.continue_button.click()
    qtbot.waitUntil(lambda: dock.session.state is RunState.LEARNING, timeout=20000)
    assert runs[-1].order.resume
    assert runs[-1].order.run_dir == run_dir
    assert runs[-1].order.wishes.weights["balance"] == 2.5
    assert dock.decisions.class_map.name_of(3) == "mitochondria"  # names outlive the start
    assert dock.training_panel.curves.n_points >= STEPS  # and so do the curves
    assert dock.reopener.offers.isHidden()


@pytest.mark.slow
def test_a_real_run_goes_on_learning_after_it_was_opened_again(
    qtbot: Any, viewer: Any, open_dock: Any, made: Any, tmp_path: Path
) -> None:
    run_dir, _ = copy_run(made, tmp_path)
    dock = open_dock(is_real=True)
    drop(dock, run_dir.as_uri())
    wait_for_run(qtbot, dock, run_dir)
    (layer,) = layers_of(viewer, Labels)
    qtbot.waitUntil(lambda: np.asarray(layer.data[2]).any(), timeout=30000)
    dock.training_panel.minutes_box.setValue(60)
    dock.training_panel.learn_button.click()
    qtbot.waitUntil(lambda: dock.training_panel.curves.n_points > STEPS, timeout=60000)
    dock.training_panel.stop_button.click()
    qtbot.waitUntil(lambda: dock.session.state is RunState.IDLE, timeout=60000)
    folder = RunFolder.open(run_dir)
    assert folder.load_weights()[1].step > STEPS
    assert folder.history.present.name_of(3) == "mitochondria"
    assert [row["step"] for row in folder.log()][:STEPS] == list(range(1, STEPS + 1))


def test_reader_and_dock_use_the_same_keys() -> None:
    assert (contributions._SOURCE, contributions._RUN) == (SOURCE, RUN)


def test_a_run_dropped_on_the_picture_is_taken_up_without_a_question(
    qtbot: Any, viewer: Any, open_dock: Any, made: Any
) -> None:
    dock = open_dock()
    window = dock.window()
    window.show()
    (picture,) = (w for w in window.centralWidget().findChildren(QWidget) if type(w).__name__ == "QtViewer")
    assert drop(picture, made[0].as_uri())
    wait_for_run(qtbot, dock, made[0])
    check_all_is_as_it_was(dock, viewer, made[0])


def test_a_run_of_a_time_point_finds_it_in_its_film(
    qtbot: Any, viewer: Any, open_dock: Any, made: Any, phantom: Any, tmp_path: Path
) -> None:
    run_dir, stack = copy_run(made, tmp_path)
    stack.unlink()
    content = json.loads((run_dir / "run.json").read_text())
    content["volume"]["source"] = "napari layer film, time point 2"
    (run_dir / "run.json").write_text(json.dumps(content))
    film = np.stack([255 - phantom.raw, 255 - phantom.raw, phantom.raw, 255 - phantom.raw])
    dock = open_dock()
    layer = viewer.add_image(film, name="film", scale=(1, *phantom.voxel_size_nm), units=("s", *("nm",) * 3))
    viewer.dims.set_point(0, 0)
    dock.reopener.open(str(run_dir))
    wait_for_run(qtbot, dock, run_dir)
    assert (dock.stack_panel.layer, dock.stack_panel.leading) == (layer, (2,))
    assert viewer.dims.current_step[0] == 2
    (classes,) = layers_of(viewer, Labels)
    qtbot.waitUntil(lambda: np.asarray(classes.data[2, 2]).all(), timeout=3000)
