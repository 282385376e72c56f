"""Choosing a stack, and saying how large its voxels are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QInputDialog

from napari_em_autoclass.gui.session import RunState, Session
from napari_em_autoclass.gui.stack_panel import StackPanel
from napari_em_autoclass.gui.wishes import Wishes


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def panel(qtbot: Any, make_session: Any, viewer: ViewerModel) -> StackPanel:
    made = StackPanel(make_session(endless=True), viewer)
    qtbot.addWidget(made)
    yield made
    made.close_down()


def add(viewer: ViewerModel, name: str, unit: str = "nm") -> Any:
    return viewer.add_image(np.zeros((4, 5, 6), np.uint8), name=name, scale=(50, 4, 4), units=(unit,) * 3)


def test_a_stack_that_appears_is_used_at_once(qtbot: Any, panel: StackPanel, viewer: ViewerModel) -> None:
    chosen = lambda layer, volume: layer.name == "a" and volume.voxel_size_nm == (50, 4, 4)  # noqa: E731
    with qtbot.waitSignal(panel.chosen, check_params_cb=chosen):
        add(viewer, "a")
    assert panel.layer_box.currentText() == "a"


def test_a_second_stack_is_only_offered(panel: StackPanel, viewer: ViewerModel) -> None:
    first = add(viewer, "a")
    add(viewer, "b")
    assert panel.layer is first
    assert panel.layer_box.count() == 2


def test_a_missing_voxel_size_is_asked_for_in_one_field(qtbot: Any, panel: StackPanel, viewer: ViewerModel) -> None:
    with qtbot.waitSignal(panel.chosen, check_params_cb=lambda layer, volume: volume is None):
        add(viewer, "a", unit="pixel")
    known = lambda layer, volume: volume is not None and volume.voxel_size_nm == (40, 5, 5)  # noqa: E731
    with qtbot.waitSignal(panel.chosen, check_params_cb=known):
        qtbot.keyClicks(panel.size_field, "40 5 5")
        qtbot.keyClick(panel.size_field, Qt.Key.Key_Return)


def test_nonsense_in_the_field_is_one_sentence(qtbot: Any, panel: StackPanel, viewer: ViewerModel) -> None:
    add(viewer, "a", unit="pixel")
    session: Session = panel._session
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: "50 4 4" in text and error):
        qtbot.keyClicks(panel.size_field, "thick")
        qtbot.keyClick(panel.size_field, Qt.Key.Key_Return)


def test_a_deleted_stack_gives_way_to_the_next(panel: StackPanel, viewer: ViewerModel) -> None:
    first, second = add(viewer, "a"), add(viewer, "b")
    viewer.layers.remove(first)
    assert panel.layer is second
    viewer.layers.remove(second)
    assert panel.layer is None
    assert panel.layer_box.count() == 1  # the line that says what to do


def test_the_user_picks_another_stack(panel: StackPanel, viewer: ViewerModel) -> None:
    add(viewer, "a")
    second = add(viewer, "b")
    panel.layer_box.setCurrentIndex(1)
    panel.layer_box.activated.emit(1)
    assert panel.layer is second


def test_of_a_time_series_the_time_point_in_view_is_taken_and_another_can_be_chosen(
    qtbot: Any, panel: StackPanel, viewer: ViewerModel
) -> None:
    film = np.random.default_rng(0).integers(0, 255, (4, 5, 6, 7), dtype=np.uint8)
    with qtbot.waitSignal(panel.chosen) as chosen:
        viewer.add_image(film, name="film", scale=(2, 50, 4, 4), units=("s", *("nm",) * 3))
    volume = chosen.args[1]
    t = panel.leading[0]
    assert (volume.name, volume.shape_zyx) == (f"film (time point {t})", (5, 6, 7))
    assert volume.source.endswith(f"time point {t}")
    np.testing.assert_array_equal(volume.section(2), film[t, 2])
    with qtbot.waitSignal(panel.moved) as moved, qtbot.assertNotEmitted(panel.chosen):
        panel.leading_box.boxes[0].setValue(3)
    np.testing.assert_array_equal(moved.args[0].section(2), film[3, 2])
    assert viewer.dims.current_step[0] == 3  # the picture goes along
    panel.set_busy(True)
    assert not panel.leading_box.isEnabled()


def test_it_is_said_where_the_classes_were_learned(
    qtbot: Any, panel: StackPanel, viewer: ViewerModel, tmp_path: Any
) -> None:
    session: Session = panel._session
    panel.moved.connect(session.move)
    panel.chosen.connect(lambda layer, volume: session.use(volume))
    viewer.add_image(np.zeros((4, 5, 6, 7), np.uint8), name="film", units=("s", *("nm",) * 3))
    panel.leading_box.boxes[0].setValue(1)
    session.start(Wishes(), tmp_path / "run")
    qtbot.waitUntil(lambda: session.state is RunState.LEARNING)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "weights.safetensors").write_bytes(b"")
    session.stop()
    qtbot.waitUntil(lambda: not session.is_busy)
    learned = lambda text, error: "Learned at time point 1" in text and "time point 3" in text  # noqa: E731
    with qtbot.waitSignal(session.said, check_params_cb=learned):
        panel.leading_box.boxes[0].setValue(3)
    assert (session.run_dir, session.state) == (tmp_path / "run", RunState.IDLE)
    assert not session.can_go_on(Wishes())


def test_renaming_and_reordering_are_followed(panel: StackPanel, viewer: ViewerModel) -> None:
    first, second = add(viewer, "a"), add(viewer, "b")
    first.name = "medulla"
    viewer.layers.move(0, 2)
    assert [panel.layer_box.itemText(i) for i in range(2)] == ["b", "medulla"]
    assert panel.layer is first
    assert panel.layer_box.currentText() == "medulla"
    panel.layer_box.activated.emit(0)
    assert panel.layer is second


def test_replaced_pixels_are_another_stack(qtbot: Any, panel: StackPanel, viewer: ViewerModel) -> None:
    layer = add(viewer, "a")
    new = np.ones((9, 5, 6), np.uint8)
    with qtbot.waitSignal(panel.chosen, check_params_cb=lambda layer, volume: volume.shape_zyx == (9, 5, 6)):
        layer.data = new
    with qtbot.assertNotEmitted(panel.chosen):
        layer.events.data(value=new)


def busy(qtbot: Any, panel: StackPanel, folder: Any) -> Session:
    session: Session = panel._session
    session.use(panel._volume())
    session.state_changed.connect(lambda state: panel.set_busy(state is not RunState.IDLE))
    session.start(Wishes(), folder / "run")
    qtbot.waitUntil(lambda: session.state is RunState.LEARNING)
    return session


def test_a_stack_deleted_while_learning_ends_it_in_one_sentence(
    qtbot: Any, panel: StackPanel, viewer: ViewerModel, tmp_path: Any
) -> None:
    first = add(viewer, "a")
    add(viewer, "b")
    session = busy(qtbot, panel, tmp_path)
    volume = session.volume
    gone = lambda text, error: text.startswith("a was removed") and "kept" in text and not error  # noqa: E731
    with qtbot.waitSignal(session.said, check_params_cb=gone), qtbot.assertNotEmitted(panel.chosen):
        viewer.layers.remove(first)
    qtbot.waitUntil(lambda: not session.is_busy)
    assert session.volume is volume  # for the export of what was learned
    assert (panel.layer, panel.layer_box.currentIndex()) == (None, -1)
    viewer.add_points([[1, 2, 3]])
    assert panel.layer is None  # the next stack is the user's to choose
    panel.layer_box.activated.emit(0)
    assert panel.layer.name == "b"


def test_pixels_replaced_while_learning_end_it_and_then_count(
    qtbot: Any, panel: StackPanel, viewer: ViewerModel, tmp_path: Any
) -> None:
    layer = add(viewer, "a")
    session = busy(qtbot, panel, tmp_path)
    with qtbot.waitSignals(
        [session.said, panel.chosen],
        check_params_cbs=[lambda text, error: "replaced" in text, lambda layer, volume: volume.shape_zyx == (9, 5, 6)],
    ):
        layer.data = np.ones((9, 5, 6), np.uint8)
    assert not session.is_busy


def test_a_file_can_be_opened(qtbot: Any, panel: StackPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("/data/stack.tif", ""))
    with qtbot.waitSignal(panel.path_chosen, check_params_cb=lambda path: path == "/data/stack.tif"):
        panel.open_file_action.trigger()


def test_a_folder_can_be_opened(qtbot: Any, panel: StackPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "/data/stack.zarr")
    with qtbot.waitSignal(panel.path_chosen, check_params_cb=lambda path: path == "/data/stack.zarr"):
        panel.open_folder_action.trigger()


def test_an_address_can_be_opened(qtbot: Any, panel: StackPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: (" https://host/stack.zarr ", True))
    with qtbot.waitSignal(panel.path_chosen, check_params_cb=lambda path: path == "https://host/stack.zarr"):
        panel.open_address_action.trigger()


def test_the_stack_cannot_change_while_learning(panel: StackPanel) -> None:
    panel.set_busy(True)
    assert not panel.layer_box.isEnabled()
    panel.set_busy(False)
    assert panel.layer_box.isEnabled()
