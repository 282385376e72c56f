"""One button from paint to a map."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.gui.session import Session
from napari_em_autoclass.gui.side_layers import TaughtLayer
from napari_em_autoclass.gui.source import OURS
from napari_em_autoclass.gui.teach_panel import TeachPanel
from napari_em_autoclass.gui.teaching import TaughtMap, TeachOrder

SHAPE = (5, 32, 48)


class Learner:
    """Stands for the thread's work."""

    def __init__(self) -> None:
        self.orders: list[TeachOrder] = []
        self.failure: Exception | None = None

    def __call__(self, order: TeachOrder, report: Callable[[float], None]) -> TaughtMap:
        self.orders.append(order)
        report(0.5)
        if self.failure is not None:
            raise self.failure
        return TaughtMap((2, 5), tuple((z, np.full(SHAPE[1:], 5, np.uint8)) for z in order.sections))


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def learner() -> Learner:
    return Learner()


@pytest.fixture
def panel(
    qtbot: Any, session: Session, viewer: Any, learner: Learner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> TeachPanel:
    """Give the panel of a session whose run has weights."""
    (tmp_path / "weights.safetensors").touch()
    monkeypatch.setattr(Session, "run_dir", property(lambda _: tmp_path))
    made = TeachPanel(session, viewer, learner)
    qtbot.addWidget(made)
    return made


def paint(viewer: ViewerModel) -> Any:
    data = np.zeros(SHAPE, np.uint8)
    data[3, 4, 4], data[3, 9, 9] = 2, 5
    return viewer.add_labels(data, name="paint")


def test_it_maps_the_painted_sections_and_the_one_in_view(
    qtbot: Any, panel: TeachPanel, viewer: ViewerModel, learner: Learner
) -> None:
    layer = paint(viewer)
    viewer.dims.set_point(0, 1)
    with qtbot.waitSignal(panel.taught) as taught:
        panel.button.click()
    assert learner.orders[0].sections == (1, 3)
    assert taught.args[0] is layer
    layer.data[:] = 0  # painting goes on meanwhile
    assert learner.orders[0].painted.any()
    qtbot.waitUntil(lambda: panel.button.isEnabled(), timeout=3000)


def test_the_map_has_the_colours_of_the_paint_and_leaves_the_painter_alone(viewer: Any) -> None:
    layer = paint(viewer)
    shown = TaughtLayer(viewer)
    shown.show(layer, TaughtMap((2, 5), ((3, np.full(SHAPE[1:], 5, np.uint8)),)))
    found = viewer.layers["found · paint"]
    assert viewer.layers.selection.active is layer
    assert viewer.layers.index(found) < viewer.layers.index(layer)
    assert np.allclose(found.get_color(5), layer.get_color(5))
    assert (np.asarray(found.data[3]) == 5).all()
    shown.show(layer, TaughtMap((2, 5), ((1, np.full(SHAPE[1:], 2, np.uint8)),)))
    assert len(viewer.layers) == 2
    assert (np.asarray(found.data[1]) == 2).all()


def test_our_own_layers_and_those_of_another_size_are_not_learned_from(panel: TeachPanel, viewer: ViewerModel) -> None:
    viewer.add_labels(np.zeros(SHAPE, np.uint8), metadata={OURS: "classes"})
    viewer.add_labels(np.zeros((5, 4, 4), np.uint8))
    assert panel.painted_layer() is None


def test_without_paint_it_says_what_to_do(qtbot: Any, panel: TeachPanel, session: Session) -> None:
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: error and "labels layer" in text):
        panel.button.click()


def test_an_error_is_one_sentence(
    qtbot: Any, panel: TeachPanel, viewer: ViewerModel, learner: Learner, session: Session
) -> None:
    paint(viewer)
    learner.failure = InputError("paint at least two kinds")
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: error and "two kinds" in text):
        panel.button.click()
    qtbot.waitUntil(lambda: panel.button.isEnabled(), timeout=3000)
