"""Choosing a stack, and saying how large its voxels are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_em_autoclass.gui.session import Session
from napari_em_autoclass.gui.stack_panel import StackPanel


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


def test_a_4d_stack_is_refused_in_words(qtbot: Any, panel: StackPanel, viewer: ViewerModel) -> None:
    session: Session = panel._session
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: "time point" in text and error):
        viewer.add_image(np.zeros((2, 4, 5, 6), np.uint8), units=("s", *("nm",) * 3))


def test_a_file_can_be_opened(qtbot: Any, panel: StackPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("/data/stack.tif", ""))
    with qtbot.waitSignal(panel.path_chosen, check_params_cb=lambda path: path == "/data/stack.tif"):
        panel.open_file_action.trigger()


def test_a_folder_can_be_opened(qtbot: Any, panel: StackPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "/data/stack.zarr")
    with qtbot.waitSignal(panel.path_chosen, check_params_cb=lambda path: path == "/data/stack.zarr"):
        panel.open_folder_action.trigger()


def test_the_stack_cannot_change_while_learning(panel: StackPanel) -> None:
    panel.set_busy(True)
    assert not panel.layer_box.isEnabled()
    panel.set_busy(False)
    assert panel.layer_box.isEnabled()
