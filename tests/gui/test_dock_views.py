"""What the dock shows: cuts, time points, more than one dock, and a class map that was deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Labels

from napari_em_autoclass.core.events import CutRequest
from napari_em_autoclass.gui.dock import AutoclassDock
from napari_em_autoclass.gui.session import RunState

SHAPE = (5, 32, 48)


@pytest.fixture
def viewer(make_napari_viewer_proxy: Any) -> Any:
    return make_napari_viewer_proxy(strict_qt=True)


@pytest.fixture
def stack(viewer: Any) -> Any:
    data = np.random.default_rng(0).integers(0, 255, SHAPE, dtype=np.uint8)
    return viewer.add_image(data, name="tiny", scale=(50, 4, 3), units=("nm",) * 3)


@pytest.fixture
def dock(qtbot: Any, viewer: Any, stack: Any, make_session: Any) -> AutoclassDock:
    made = AutoclassDock(viewer, make_session(endless=True))
    viewer.window.add_dock_widget(made, name="EM Autoclass", area="right")
    yield made
    made.close_down()


def learn(qtbot: Any, dock: AutoclassDock) -> None:
    dock.training_panel.learn_button.click()
    qtbot.waitUntil(lambda: dock.session.state is RunState.LEARNING, timeout=3000)


def class_layers(viewer: Any) -> list[Any]:
    return [layer for layer in viewer.layers if isinstance(layer, Labels)]


def test_cuts_across_the_sections_are_shown_live(qtbot: Any, dock: AutoclassDock, viewer: Any, runs: list[Any]) -> None:
    learn(qtbot, dock)
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_point(1, 4 * 9)
    qtbot.waitUntil(lambda: isinstance(runs[0].view, CutRequest) and runs[0].view.y0 == 9, timeout=3000)
    shown = lambda: class_layers(viewer)[0]._slice.image.raw  # noqa: E731
    wanted = [1, 2, 3, 4, 4]  # the last is not answered, and looks like the one before
    qtbot.waitUntil(lambda: shown()[:, 20].tolist() == wanted, timeout=3000)
    assert not dock.training_panel.history_bar.isEnabled()  # its maps are of sections
    viewer.dims.order = (0, 1, 2)
    viewer.dims.set_point(0, 50)
    qtbot.waitUntil(lambda: (shown() == 2).all(), timeout=3000)
    assert dock.training_panel.history_bar.isEnabled()


def test_a_time_series_is_learned_at_one_time_and_shown_at_others(
    qtbot: Any, viewer: Any, make_session: Any, runs: list[Any], tmp_path: Path
) -> None:
    viewer.add_image(np.zeros((3, *SHAPE), np.uint8), name="film", scale=(1, 50, 4, 3), units=("s", *("nm",) * 3))
    viewer.dims.set_point(0, 1)
    dock = AutoclassDock(viewer, make_session(endless=True))
    dock.class_panel.surveyor._look = lambda *_: None  # the folder below looks like a run only from outside
    assert dock.session.volume.name == "film (time point 1)"
    dock.session.start(dock.training_panel.wishes, tmp_path / "run")
    qtbot.waitUntil(lambda: dock.session.state is RunState.LEARNING, timeout=3000)
    section = lambda: class_layers(viewer)[0]._slice.image.raw  # noqa: E731
    qtbot.waitUntil(lambda: bool(class_layers(viewer)) and section().any(), timeout=3000)
    viewer.dims.set_point(0, 2)
    assert not section().any()  # the map is of another time
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "weights.safetensors").write_bytes(b"")
    dock.session.stop()
    qtbot.waitUntil(lambda: dock.session.state is RunState.IDLE, timeout=3000)
    said: list[str] = []
    dock.session.said.connect(lambda sentence, is_error: said.append(sentence))
    dock.stack_panel.leading_box.boxes[0].setValue(0)
    assert len(runs) == 1  # nothing is trained
    qtbot.waitUntil(lambda: section().any(), timeout=3000)
    assert viewer.dims.current_step[0] == 0
    assert "Learned at time point 1" in said[-1]
    dock.close_down()


def test_two_docks_in_one_viewer_share_nothing(
    qtbot: Any, viewer: Any, stack: Any, make_session: Any, runs: list[Any]
) -> None:
    first, second = (AutoclassDock(viewer, make_session(endless=True)) for _ in range(2))
    learn(qtbot, first)
    qtbot.waitUntil(lambda: len(class_layers(viewer)) == 1, timeout=3000)
    assert (second.session.state, second.layers.class_layer, second.decisions.class_map) == (RunState.IDLE, None, None)
    learn(qtbot, second)
    qtbot.waitUntil(lambda: len(class_layers(viewer)) == 2, timeout=3000)
    assert runs[0].run_id != runs[1].run_id
    first.decisions.do(first.decisions.class_map.rename(1, "axon"))
    assert second.decisions.class_map.name_of(1) != "axon"
    viewer.layers.remove(first.layers.class_layer)
    assert "Show it again" in first.map_line.text.text()
    assert "Show it again" not in second.map_line.text.text()
    first.close_down()
    viewer.dims.set_point(0, 50)
    qtbot.waitUntil(lambda: second.layers.class_layer.data[1].any(), timeout=3000)
    assert first.session.state is RunState.IDLE
    second.close_down()


def test_a_class_map_that_was_deleted_comes_back_by_its_link(qtbot: Any, dock: AutoclassDock, viewer: Any) -> None:
    learn(qtbot, dock)
    qtbot.waitUntil(lambda: bool(class_layers(viewer)) and class_layers(viewer)[0].data[2].any(), timeout=3000)
    viewer.layers.remove(class_layers(viewer)[0])
    assert "Show it again" in dock.map_line.text.text()
    dock.map_line.text.linkActivated.emit("show")
    assert class_layers(viewer)[0].data[2].any()
    assert "Show it again" not in dock.map_line.text.text()
