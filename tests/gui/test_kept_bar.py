"""Kept maps beside the map of now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.events import SnapshotTaken, ViewRequest
from napari_em_autoclass.gui.kept_bar import KeptBar
from napari_em_autoclass.gui.session import Session


def taken(step: int, *classes: int, z: int = 0) -> SnapshotTaken:
    made = np.array([classes], np.uint8)
    return SnapshotTaken("run", step, "learning", ViewRequest(z, 0, 1, 0, len(classes)), made, made)


@pytest.fixture
def bar(qtbot: Any, session: Session, tmp_path: Path) -> KeptBar:
    session._run_dir = tmp_path
    made = KeptBar(session)
    qtbot.addWidget(made)
    made.open(tmp_path)
    return made


def test_it_shows_once_something_is_kept(bar: KeptBar) -> None:
    assert bar.isHidden()
    bar.keep(taken(3, 1, 2, 3, 4), "early")
    assert not bar.isHidden()
    assert bar.combo.currentText() == "early · 0"


def test_it_says_how_much_has_changed_since_with_merges(bar: KeptBar) -> None:
    bar.keep(taken(3, 1, 2, 3, 4), "early")
    bar.follow(taken(9, 1, 2, 4, 4))
    assert bar.share_label.text() == "25 % differ"
    bar.set_classes(ClassMap.fresh(4).merge((3, 4)))
    assert bar.share_label.text() == "0 % differ"
    bar.set_classes(ClassMap.fresh(4))
    assert bar.share_label.text() == "25 % differ"
    bar.follow(taken(9, 1, 2, 4, 4, z=2))
    assert bar.share_label.text() == ""


def test_the_toggle_changes_between_kept_and_now(qtbot: Any, bar: KeptBar) -> None:
    bar.keep(taken(3, 1, 2), "early")
    bar.follow(taken(9, 2, 2))
    with qtbot.waitSignal(bar.wanted, check_params_cb=lambda shown: shown.step == 3):
        bar.show_button.click()
    bar.follow(taken(10, 2, 1))
    assert bar.is_showing
    with qtbot.waitSignal(bar.wanted, check_params_cb=lambda shown: shown.step == 10):
        bar.show_button.click()


def test_one_of_another_section_is_gone_to_and_left_by_scrolling(qtbot: Any, bar: KeptBar) -> None:
    bar.keep(taken(3, 1, 2, z=4), "there")
    bar.follow(taken(9, 2, 2))
    with qtbot.waitSignal(bar.place_wanted, check_params_cb=lambda place: place[0] == 4):
        bar.show_button.click()
    bar.follow(taken(9, 2, 2, z=4))
    assert bar.is_showing
    bar.follow(taken(9, 2, 2, z=5))
    assert not bar.is_showing


def test_another_one_is_chosen_while_showing(qtbot: Any, bar: KeptBar) -> None:
    for step in (3, 5):
        bar.keep(taken(step, 1, 2), f"step {step}")
    bar.follow(taken(9, 2, 2))
    bar.show_button.click()
    with qtbot.waitSignal(bar.wanted, check_params_cb=lambda shown: shown.step == 3):
        bar.combo.setCurrentIndex(0)


def test_a_run_opened_again_has_its_kept_maps(bar: KeptBar, tmp_path: Path) -> None:
    bar.keep(taken(3, 1, 2), "early")
    bar.open(None)
    assert bar.names == []
    assert bar.isHidden()
    bar.open(tmp_path)
    assert bar.names == ["early"]


def test_a_kept_map_can_be_deleted(qtbot: Any, bar: KeptBar, tmp_path: Path) -> None:
    for step in (3, 5):
        bar.keep(taken(step, 1, 2), f"step {step}")
    bar.follow(taken(9, 2, 2))
    bar.show_button.click()
    with qtbot.waitSignal(bar.wanted, check_params_cb=lambda shown: shown.step == 9):  # not left on the screen
        bar.forget_button.click()
    assert bar.names == ["step 3"]
    bar.forget_button.click()
    assert bar.isHidden()
    assert not list((tmp_path / "snapshot").iterdir())


def test_what_goes_wrong_is_one_sentence(qtbot: Any, bar: KeptBar, session: Session, tmp_path: Path) -> None:
    bar.keep(taken(3, 1, 2), "early")
    next((tmp_path / "snapshot").iterdir()).unlink()
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, wrong: wrong and "early" in text):
        bar.show_button.click()
