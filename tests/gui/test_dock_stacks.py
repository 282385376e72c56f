"""One dock, several stacks: what belongs to the one is not taken for the other's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui import sample
from napari_em_autoclass.gui.dock import AutoclassDock
from napari_em_autoclass.gui.session import RunState

SHAPE = (5, 32, 48)


@pytest.fixture
def viewer(qtbot: Any) -> ViewerModel:
    made = ViewerModel()
    for name, depth in (("first", 5), ("second", 2)):
        made.add_image(np.zeros((depth, 32, 48), np.uint8), name=name, scale=(50, 4, 4), units=("nm",) * 3)
    return made


@pytest.fixture
def dock(qtbot: Any, viewer: ViewerModel, make_session: Any) -> AutoclassDock:
    made = AutoclassDock(viewer, make_session(endless=True))
    qtbot.addWidget(made)
    yield made
    made.close_down()


def learn(qtbot: Any, dock: AutoclassDock, run_dir: Path) -> None:
    dock.session.start(dock.training_panel.wishes, run_dir)
    qtbot.waitUntil(lambda: dock.class_panel.rows.rowCount() == 4, timeout=3000)


def stop(qtbot: Any, dock: AutoclassDock) -> None:
    dock.session.stop()
    qtbot.waitUntil(lambda: dock.session.state is RunState.IDLE, timeout=3000)


def test_a_name_given_just_before_another_stack_is_chosen_is_saved_with_its_run(
    qtbot: Any, dock: AutoclassDock, viewer: ViewerModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[tuple[Any, str]] = []
    monkeypatch.setattr(
        "napari_em_autoclass.gui.dock.save_decisions",
        lambda run_dir, history, say: saved.append((run_dir, history.present.name_of(1))),
    )
    learn(qtbot, dock, tmp_path / "one")
    stop(qtbot, dock)
    dock.class_panel.table.renamed.emit(1, "axon")
    dock.stack_panel.choose(viewer.layers["second"])
    dock.session.start(dock.training_panel.wishes, tmp_path / "two")
    qtbot.waitUntil(lambda: bool(saved), timeout=3000)
    assert saved == [(tmp_path / "one", "axon")]
    qtbot.waitUntil(lambda: dock.decisions.class_map.name_of(1) == "class 1", timeout=3000)
    dock.class_panel.table.renamed.emit(1, "glia")
    dock.decisions.save_now()
    assert saved[1:] == [(tmp_path / "two", "glia")]


def test_maps_of_one_stack_are_not_offered_for_another(
    qtbot: Any, dock: AutoclassDock, viewer: ViewerModel, tmp_path: Path
) -> None:
    bar = dock.training_panel.history_bar
    learn(qtbot, dock, tmp_path / "one")
    qtbot.waitUntil(lambda: len(bar.history) > 0, timeout=3000)
    stop(qtbot, dock)
    dock.stack_panel.choose(viewer.layers["second"])
    assert len(bar.history) == 0
    assert bar.isHidden()


def test_what_a_training_says_of_a_stack_that_was_left_is_not_heard(
    qtbot: Any, dock: AutoclassDock, viewer: ViewerModel, tmp_path: Path
) -> None:
    learn(qtbot, dock, tmp_path / "one")
    heard: list[Any] = []
    dock.stack_panel.choose(viewer.layers["second"])
    dock.session.happened.connect(heard.append)
    qtbot.waitUntil(lambda: dock.session.state is RunState.IDLE, timeout=3000)
    assert heard == []


def test_a_sample_that_is_made_while_learning_waits_to_be_chosen(
    qtbot: Any, dock: AutoclassDock, viewer: ViewerModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = np.zeros((3, 8, 9), np.uint8)
    monkeypatch.setattr(sample, "make_sample", lambda report: Volume(data, (50.0, 4.0, 4.0), "sample", "sample"))
    learn(qtbot, dock, tmp_path / "one")
    dock.stack_panel.sample_action.trigger()
    qtbot.waitUntil(lambda: "sample" in viewer.layers, timeout=3000)
    assert dock.session.state is RunState.LEARNING
    assert dock.stack_panel.layer is viewer.layers["first"]
    assert "choose it above" in dock.status.text()


def test_a_map_that_is_brought_back_shows_the_groups_that_are_tried(
    qtbot: Any, dock: AutoclassDock, viewer: ViewerModel, tmp_path: Path
) -> None:
    learn(qtbot, dock, tmp_path / "one")
    dock.decisions.preview(dock.decisions.class_map.merge([1, 2]))
    viewer.layers.remove(dock.layers.class_layer)
    dock.map_line.show_wanted.emit()
    np.testing.assert_array_equal(dock.layers.class_layer.get_color(1), dock.layers.class_layer.get_color(2))


def test_a_stack_that_was_removed_while_learning_is_not_learned_from_again(
    qtbot: Any, dock: AutoclassDock, viewer: ViewerModel, tmp_path: Path
) -> None:
    learn(qtbot, dock, tmp_path / "one")
    viewer.layers.remove("first")
    qtbot.waitUntil(lambda: dock.session.state is RunState.IDLE, timeout=3000)
    assert dock.session.volume is None
    assert not dock.training_panel.learn_button.isEnabled()
    assert dock.status.text().startswith("first was removed")
    dock.stack_panel.choose(viewer.layers["second"])
    assert dock.training_panel.learn_button.isEnabled()
