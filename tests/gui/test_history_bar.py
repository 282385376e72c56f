"""Back through the maps of a section, and live again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_em_autoclass.core.events import SnapshotTaken, ViewRequest
from napari_em_autoclass.gui.history_bar import HistoryBar
from napari_em_autoclass.gui.session import Session


def snapshot(step: int, z: int = 0) -> SnapshotTaken:
    classes = np.ones((4, 4), np.uint8)
    return SnapshotTaken("run", step, "learning", ViewRequest(z, 0, 4, 0, 4), classes, classes)


@pytest.fixture
def bar(qtbot: Any, session: Session) -> HistoryBar:
    made = HistoryBar(session)
    qtbot.addWidget(made)
    for step in (0, 10, 20):
        assert made.add(snapshot(step))
    return made


def test_it_follows_live(bar: HistoryBar) -> None:
    assert bar.is_live
    assert bar.label.text() == "live"
    assert bar.slider.maximum() == 2


def test_an_older_map_stays_while_newer_ones_come(qtbot: Any, bar: HistoryBar) -> None:
    with qtbot.waitSignal(bar.wanted, check_params_cb=lambda taken: taken.step == 10):
        bar.slider.setValue(1)
    assert not bar.add(snapshot(30))
    assert (bar.slider.value(), bar.label.text()) == (1, "step 10")
    with qtbot.waitSignal(bar.wanted, check_params_cb=lambda taken: taken.step == 30):
        bar.slider.setValue(bar.slider.maximum())
    assert bar.is_live
    assert bar.add(snapshot(40))


def test_the_same_map_again_does_not_pull_one_back_to_live(bar: HistoryBar) -> None:
    bar.slider.setValue(1)
    assert not bar.add(snapshot(20))
    assert bar.label.text() == "step 10"


def test_another_section_is_live(bar: HistoryBar) -> None:
    bar.slider.setValue(0)
    assert bar.add(snapshot(30, z=5))
    assert bar.is_live
    assert not bar.slider.isEnabled()


def test_one_is_kept_under_a_name(qtbot: Any, bar: HistoryBar) -> None:
    bar.slider.setValue(0)
    with qtbot.waitSignal(bar.kept, check_params_cb=lambda taken, name: (taken.step, name) == (0, "first")):
        bar.keep(" first ")
    with qtbot.assertNotEmitted(bar.kept):
        bar.keep("  ")
    bar.clear()
    assert not bar.keep_button.isEnabled()


def test_the_name_is_asked_for_in_the_panel(qtbot: Any, bar: HistoryBar) -> None:
    bar.slider.setValue(1)
    bar.keep_button.click()
    assert not bar.name_field.isHidden()
    assert bar.name_field.text() == "step 10"
    bar.add(snapshot(30))  # the map goes on meanwhile
    bar.name_field.setText("before the anchor")
    with qtbot.waitSignal(
        bar.kept, check_params_cb=lambda taken, name: (taken.step, name) == (10, "before the anchor")
    ):
        qtbot.keyClick(bar.name_field, Qt.Key.Key_Return)
    assert bar.name_field.isHidden()
    bar.keep_button.click()
    with qtbot.assertNotEmitted(bar.kept):
        qtbot.keyClick(bar.name_field, Qt.Key.Key_Escape)
    assert bar.name_field.isHidden()


def test_while_a_kept_map_is_shown_nothing_is_live(bar: HistoryBar, session: Session, tmp_path: Path) -> None:
    session._run_dir = tmp_path
    bar.keep("mine")
    bar.kept_bar.show_button.click()
    assert not bar.is_live
    assert not bar.add(snapshot(30))
    bar.kept_bar.show_button.click()
    assert bar.is_live
