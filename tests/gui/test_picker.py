"""What is under the pointer, and which class a double-click meant."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QCursor
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.events import SnapshotTaken, ViewRequest
from napari_em_autoclass.gui.layers import ClassLayers
from napari_em_autoclass.gui.picker import Picker

CLASS_MAP = ClassMap.fresh(4).merge([2, 3], name="axon")


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def picker(qapp: Any, viewer: ViewerModel) -> Picker:
    source = Image(np.zeros((5, 32, 48), np.uint8), name="stack", scale=(50.0, 4.0, 4.0))
    viewer.add_layer(source)
    layers = ClassLayers(viewer)
    layers.show(source, CLASS_MAP)
    classes = np.zeros((32, 48), np.uint8)
    classes[:16] = 3
    layers.put(SnapshotTaken("", 0, "done", ViewRequest(2, 0, 32, 0, 48), classes, np.full_like(classes, 204)))
    made = Picker(viewer, layers, lambda: CLASS_MAP)
    yield made
    made.close()
    layers.close()


def at(z: int, y: int, x: int, *modifiers: str) -> Any:
    return SimpleNamespace(position=(50.0 * z, 4.0 * y, 4.0 * x), modifiers=modifiers)


def double_click(viewer: ViewerModel, event: Any) -> None:
    for callback in list(viewer.mouse_double_click_callbacks):
        callback(viewer, event)


def camera(viewer: ViewerModel) -> Any:
    return viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera


def test_a_double_click_picks_the_row_and_does_not_zoom(qtbot: Any, viewer: ViewerModel, picker: Picker) -> None:
    zoom, centre = camera(viewer).zoom, camera(viewer).center
    wants = lambda shown_id, place: (shown_id, place) == (2, (2, 5, 7))  # noqa: E731
    with qtbot.waitSignal(picker.picked, check_params_cb=wants):
        double_click(viewer, at(2, 5, 7))
    assert (camera(viewer).zoom, camera(viewer).center) == (zoom, centre)


def test_where_no_class_is_known_a_double_click_is_naparis(qtbot: Any, viewer: ViewerModel, picker: Picker) -> None:
    zoom = camera(viewer).zoom
    with qtbot.assertNotEmitted(picker.picked):
        double_click(viewer, at(2, 20, 7))
        double_click(viewer, at(2, 500, 7))
    assert camera(viewer).zoom != zoom


def test_the_class_under_the_pointer_is_told(qtbot: Any, viewer: ViewerModel, picker: Picker) -> None:
    told: list[str] = []
    picker.pointed.connect(told.append)
    for x in range(20):  # quick moves are thinned out
        viewer.mouse_move_callbacks[-1](viewer, at(2, 5, x))
    qtbot.waitUntil(lambda: told == ["axon, 80 % sure"])
    viewer.mouse_move_callbacks[-1](viewer, at(2, 20, 7))
    qtbot.waitUntil(lambda: told == ["axon, 80 % sure", ""])


def test_the_pointer_changes_neither_the_active_layer_nor_naparis_own_words(
    qtbot: Any, viewer: ViewerModel, picker: Picker
) -> None:
    active, words = viewer.layers.selection.active, viewer.help
    with qtbot.waitSignal(picker.pointed):
        viewer.mouse_move_callbacks[-1](viewer, at(2, 5, 7))
    assert (viewer.layers.selection.active, viewer.help) == (active, words)


def test_closing_lets_go_of_the_viewer(viewer: ViewerModel, picker: Picker) -> None:
    n = len(viewer.mouse_double_click_callbacks)
    picker.close()
    picker.close()
    assert len(viewer.mouse_double_click_callbacks) == n - 2


@pytest.mark.slow
def test_the_mouse_on_a_real_canvas_reads_and_picks_the_class(qtbot: Any, make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(900, 600)
    source = viewer.add_image(np.zeros((5, 32, 48), np.uint8), name="stack", scale=(50.0, 4.0, 4.0))
    points = viewer.add_points([[1, 2, 3]])  # the user's active layer
    layers = ClassLayers(viewer)
    layers.show(source, CLASS_MAP)
    classes = np.full((32, 48), 3, np.uint8)
    layers.put(SnapshotTaken("", 0, "done", ViewRequest(2, 0, 32, 0, 48), classes, np.full_like(classes, 204)))
    viewer.dims.set_point(0, 100)
    picker = Picker(viewer, layers, lambda: CLASS_MAP)
    canvas = next(made for made in QApplication.allWidgets() if "CanvasBackend" in type(made).__name__)
    qtbot.waitExposed(canvas)
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    told: list[str] = []
    picker.pointed.connect(told.append)

    def moved() -> bool:
        QTest.mouseMove(canvas, middle + QPoint(len(told) % 2, QCursor.pos().y() % 2))
        QTest.mouseMove(canvas, middle)
        return told == ["axon, 80 % sure"]

    qtbot.waitUntil(moved, timeout=3000)
    zoom = camera(viewer).zoom
    with qtbot.waitSignal(picker.picked, timeout=3000) as picked:
        QTest.mouseDClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle)
    shown_id, (z, y, x) = picked.args
    assert (shown_id, z, camera(viewer).zoom) == (2, 2, zoom)
    assert abs(y - 16) <= 1
    assert abs(x - 24) <= 1
    assert viewer.layers.selection.active is points
    picker.close()
    layers.close()
