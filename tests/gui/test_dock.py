"""The whole dock in a viewer, opened as a user would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Labels
from npe2 import PluginManifest
from qtpy.QtWidgets import QScrollArea

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import UNCLEAR, ViewRequest
from napari_em_autoclass.gui import dock as dock_module
from napari_em_autoclass.gui.dock import PANELS, AutoclassDock
from napari_em_autoclass.gui.session import RunState, Session

SHAPE = (5, 32, 48)
PLUGIN = "napari-em-autoclass"


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


@pytest.mark.parametrize(
    "widget", [w.display_name for w in PluginManifest.from_distribution(PLUGIN).contributions.widgets]
)
def test_every_widget_of_the_manifest_opens(viewer: Any, stack: Any, widget: str) -> None:
    _, opened = viewer.window.add_plugin_dock_widget(PLUGIN, widget)
    assert isinstance(opened, AutoclassDock)
    assert opened.session.volume.voxel_size_nm == (50, 4, 3)
    opened.close_down()


def test_opening_the_dock_imports_nothing_slow_that_it_does_not_need() -> None:
    slow = ("torch", "scipy.optimize", "zarr", "h5py", "napari_em_autoclass.core.settings")
    program = (
        "import sys; from qtpy.QtWidgets import QApplication; app = QApplication([]);"
        "import numpy as np; from napari.components import ViewerModel;"
        "from napari_em_autoclass.gui.dock import AutoclassDock;"
        "v = ViewerModel(); v.add_image(np.zeros((4, 8, 8), np.uint8), units=('nm',) * 3); d = AutoclassDock(v);"
        f"assert d.session.volume is not None; print([name for name in {slow} if name in sys.modules]); d.close_down()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


def test_panels_stand_in_their_order(dock: AutoclassDock) -> None:
    assert [type(panel) for panel in dock.folds] == list(PANELS)


def test_the_map_of_the_section_in_view_appears_and_follows(qtbot: Any, dock: AutoclassDock, viewer: Any) -> None:
    learn(qtbot, dock)
    qtbot.waitUntil(lambda: len(class_layers(viewer)) == 1, timeout=3000)
    layer = class_layers(viewer)[0]
    assert tuple(layer.scale) == (50, 4, 3)
    for z in (4, 0):
        viewer.dims.set_current_step(0, z)
        qtbot.waitUntil(lambda z=z: np.asarray(layer.data[z]).all(), timeout=3000)


def test_names_and_merges_reach_list_layer_and_run_folder(
    qtbot: Any, dock: AutoclassDock, viewer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[Any] = []
    monkeypatch.setattr(dock.decisions, "_save", saved.append)
    learn(qtbot, dock)
    qtbot.waitUntil(lambda: dock.class_panel.rows.rowCount() == 4, timeout=3000)
    dock.class_panel.select((1, 2))
    dock.class_panel.merge_button.click()
    assert dock.class_panel.rows.rowCount() == 3
    layer = class_layers(viewer)[0]
    np.testing.assert_array_equal(layer.get_color(1), layer.get_color(2))
    qtbot.waitUntil(lambda: len(saved) == 1, timeout=3000)
    assert saved[0].present.members(1) == (1, 2)


def test_a_preview_of_merges_reaches_list_and_layer_alone(qtbot: Any, dock: AutoclassDock, viewer: Any) -> None:
    learn(qtbot, dock)
    qtbot.waitUntil(lambda: dock.class_panel.rows.rowCount() == 4, timeout=3000)
    dock.decisions.preview(dock.decisions.class_map.merge([1, 2]))
    assert dock.class_panel.rows.rowCount() == 3
    layer = class_layers(viewer)[0]
    np.testing.assert_array_equal(layer.get_color(1), layer.get_color(2))
    dock.decisions.preview(None)
    assert dock.class_panel.rows.rowCount() == 4
    assert (layer.get_color(1) != layer.get_color(2)).any()


def test_a_probability_layer_comes_goes_and_asks_for_its_members(
    qtbot: Any, dock: AutoclassDock, viewer: Any, runs: list[Any]
) -> None:
    learn(qtbot, dock)
    qtbot.waitUntil(lambda: dock.class_panel.rows.rowCount() == 4, timeout=3000)
    dock.class_panel.probabilities_wanted.emit(frozenset({3}))
    layer = viewer.layers["p(class 3) · tiny"]
    assert runs[0].view.prob_classes == (3,)
    z = runs[0].view.z
    qtbot.waitUntil(lambda: np.asarray(layer.data[z]).all(), timeout=3000)
    dock.class_panel.probabilities_wanted.emit(frozenset())
    assert "p(class 3) · tiny" not in viewer.layers
    assert runs[0].view.prob_classes == ()


def test_unclear_pixels_are_asked_for_and_shown(qtbot: Any, dock: AutoclassDock, viewer: Any, runs: list[Any]) -> None:
    learn(qtbot, dock)
    qtbot.waitUntil(lambda: dock.class_panel.rows.rowCount() == 4, timeout=3000)
    dock.class_panel.actions_.by_name["unclear"].trigger()
    layer = viewer.layers["unclear pixels · tiny"]
    assert runs[0].view.prob_classes == (UNCLEAR,)
    z = runs[0].view.z
    qtbot.waitUntil(lambda: np.asarray(layer.data[z]).all(), timeout=3000)
    dock.class_panel.actions_.by_name["unclear"].trigger()
    assert "unclear pixels · tiny" not in viewer.layers
    assert runs[0].view.prob_classes == ()


def test_deleting_our_layer_mid_run_leaves_the_run_alone(
    qtbot: Any, dock: AutoclassDock, viewer: Any, runs: list[Any]
) -> None:
    learn(qtbot, dock)
    qtbot.waitUntil(lambda: len(class_layers(viewer)) == 1, timeout=3000)
    viewer.layers.remove(class_layers(viewer)[0])
    with qtbot.waitSignal(dock.session.happened, timeout=3000):
        dock.session.look(ViewRequest(1, 0, 32, 0, 48))
    assert dock.session.state is RunState.LEARNING
    assert class_layers(viewer) == []


def test_deleting_the_stack_mid_run_ends_it_and_says_so(qtbot: Any, dock: AutoclassDock, viewer: Any) -> None:
    learn(qtbot, dock)
    viewer.layers.remove("tiny")
    qtbot.waitUntil(lambda: dock.session.state is RunState.IDLE, timeout=3000)
    assert dock.status.text() == "tiny was removed from the viewer: learning stopped, what was learned is kept."


def test_3d_and_back_leaves_the_last_plane(qtbot: Any, dock: AutoclassDock, viewer: Any, runs: list[Any]) -> None:
    learn(qtbot, dock)
    before = runs[0].view
    viewer.dims.ndisplay = 3
    qtbot.wait(100)
    assert runs[0].view == before
    viewer.dims.ndisplay = 2


def test_removing_the_dock_while_learning_ends_the_worker(
    qtbot: Any, dock: AutoclassDock, viewer: Any, runs: list[Any]
) -> None:
    learn(qtbot, dock)
    qtbot.waitUntil(lambda: dock.class_panel.rows.rowCount() == 4, timeout=3000)
    dock.class_panel.probabilities_wanted.emit(frozenset({UNCLEAR, 3}))
    assert len(viewer.layers) == 4
    with qtbot.waitSignal(dock.destroyed, timeout=10_000):
        viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(lambda: runs[0].closed, timeout=3000)
    assert [layer.name for layer in viewer.layers] == ["tiny", "classes · tiny"]
    viewer.dims.set_current_step(0, 1)  # nobody listens any more


def test_closing_the_viewer_while_learning_ends_the_worker(
    qtbot: Any, make_napari_viewer: Any, make_session: Any, runs: list[Any]
) -> None:
    viewer = make_napari_viewer()
    viewer.add_image(np.zeros(SHAPE, np.uint8), name="tiny", scale=(50, 4, 3), units=("nm",) * 3)
    dock = AutoclassDock(viewer, make_session(endless=True))
    viewer.window.add_dock_widget(dock, name="EM Autoclass")
    learn(qtbot, dock)
    rows = dock.class_panel.rows
    qtbot.waitUntil(lambda: rows.rowCount() == 4, timeout=3000)
    dock.class_panel.probabilities_wanted.emit(frozenset({3}))
    viewer.close()
    del dock
    qtbot.waitUntil(lambda: runs[0].closed, timeout=5000)


def test_an_error_is_said_in_the_status_line_and_by_napari(
    qtbot: Any, dock: AutoclassDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(dock_module, "show_error", shown.append)
    dock.session.said.emit("the stack is too small; choose another", True)
    assert dock.status.text() == shown[0] == "the stack is too small; choose another"


def test_a_file_that_cannot_be_read_is_one_sentence(
    qtbot: Any, dock: AutoclassDock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dock_module, "show_error", lambda text: None)
    dock.open_path(str(tmp_path / "absent.tif"))
    assert "no such file" in dock.status.text()


def test_history_is_not_saved_where_no_run_is(dock: AutoclassDock) -> None:
    from napari_em_autoclass.core.class_map import ClassMap, History

    dock._save_history(History.of(ClassMap.fresh(4)))  # no folder yet: nothing to do, and no error


def test_it_is_narrow_and_at_its_narrowest_nothing_is_cut_off(dock: AutoclassDock) -> None:
    assert 320 <= dock.sizeHint().width() <= 380
    for panel in dock.folds:
        assert panel.minimumSizeHint().width() <= 320, type(panel).__name__
    for fold in dock.folds.values():
        fold.set_open(True)
    scroll, margins = dock.findChild(QScrollArea), dock.layout().contentsMargins()
    beside = scroll.verticalScrollBar().sizeHint().width() + margins.left() + margins.right()
    assert scroll.widget().minimumSizeHint().width() + beside <= dock.minimumWidth()


@pytest.mark.slow
def test_five_real_steps_leave_a_map_with_the_right_scale(
    qtbot: Any, make_napari_viewer: Any, phantom: Any, fast_settings: Any, tmp_path: Path
) -> None:
    from napari_em_autoclass.gui.wishes import Wishes

    viewer = make_napari_viewer()
    layer = viewer.add_image(phantom.raw, name="phantom", scale=phantom.voxel_size_nm, units=("nm",) * 3)
    dock = AutoclassDock(viewer, Session())
    viewer.window.add_dock_widget(dock, name="EM Autoclass")
    settings = fast_settings.replace(training=fast_settings.training.replace(steps=5))
    steps: list[int] = []
    dock.session.happened.connect(lambda event: steps.append(getattr(event, "step", 0)))
    dock.session.start(Wishes(n_classes=4, seconds=None, advanced=settings), tmp_path / "run")
    qtbot.waitUntil(lambda: dock.session.state is RunState.IDLE, timeout=60_000)
    assert max(steps) == 5, dock.status.text()
    ours = class_layers(viewer)[0]
    np.testing.assert_allclose(ours.scale, layer.scale)
    z = int(viewer.dims.current_step[0])
    assert np.asarray(ours.data[z]).min() >= 1
    dock.class_panel.table.renamed.emit(1, "membrane")
    dock.decisions.save_now()
    assert "membrane" in (tmp_path / "run" / "classes.json").read_text()
    viewer.dims.set_current_step(0, 0)  # answered from the run folder now
    qtbot.waitUntil(lambda: np.asarray(ours.data[0]).all(), timeout=20_000)
    dock.close_down()


def test_input_errors_on_start_are_said(qtbot: Any, dock: AutoclassDock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dock_module, "show_error", lambda text: None)

    def refuse(wishes: Any) -> None:
        raise InputError("too many classes; choose at most 254")

    monkeypatch.setattr(dock.session, "start", refuse)
    dock.training_panel.learn_button.click()
    assert "254" in dock.status.text()
