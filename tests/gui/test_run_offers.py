"""An interrupted run is offered when its stack is chosen; all runs of the stack are in a menu."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtWidgets import QFileDialog, QMenu
from tiny_run import make_run_files

from napari_em_autoclass.core.run_lock import LOCK_NAME
from napari_em_autoclass.core.volume import Volume, fingerprint
from napari_em_autoclass.gui.run_offers import RunOffers
from napari_em_autoclass.gui.run_place import runs_folder
from napari_em_autoclass.gui.session import RunState, Session
from napari_em_autoclass.gui.wishes import Wishes


@pytest.fixture
def cut_off(qapp: Any, volume: Volume) -> Path:
    run = make_run_files(runs_folder() / "a", fingerprint(volume), stage="learning")
    (run / LOCK_NAME).touch()
    return run


@pytest.fixture
def make_offers(qtbot: Any, session: Session) -> Iterator[Any]:
    made: list[RunOffers] = []
    menu = QMenu()
    qtbot.addWidget(menu)

    def make() -> RunOffers:
        made.append(RunOffers(session, menu))
        qtbot.addWidget(made[-1])
        return made[-1]

    yield make
    for offers in made:
        offers.close_down()


def titles(menu: QMenu) -> list[str]:
    menu.aboutToShow.emit()
    return [action.text() for action in menu.actions()]


def test_a_run_that_was_cut_off_is_offered_in_one_line(qtbot: Any, make_offers: Any, cut_off: Path) -> None:
    offers = make_offers()
    qtbot.waitUntil(lambda: not offers.isHidden(), timeout=3000)
    assert offers.label.text() == "A run of this stack was interrupted at step 240."
    with qtbot.waitSignal(offers.wanted) as wanted:
        offers.continue_button.click()
    assert wanted.args == [str(cut_off), True]


def test_it_is_declined_with_one_click_and_stays_away(qtbot: Any, make_offers: Any, cut_off: Path) -> None:
    offers = make_offers()
    qtbot.waitUntil(lambda: not offers.isHidden(), timeout=3000)
    offers.decline_button.click()
    assert offers.isHidden()
    offers._look()
    assert offers.isHidden()
    assert any("step 240" in title for title in titles(offers.runs_menu))


def test_a_newer_run_that_came_to_its_end_makes_the_offer_pointless(
    qtbot: Any, make_offers: Any, cut_off: Path, volume: Volume
) -> None:
    make_run_files(runs_folder() / "b", fingerprint(volume), age_s=-100)
    offers = make_offers()
    qtbot.waitUntil(lambda: len(titles(offers.runs_menu)) == 2, timeout=3000)
    assert offers.isHidden()


def test_while_it_learns_nothing_is_offered(
    qtbot: Any, make_offers: Any, cut_off: Path, session: Session, tmp_path: Path
) -> None:
    offers = make_offers()
    qtbot.waitUntil(lambda: not offers.isHidden(), timeout=3000)
    session.start(Wishes(), tmp_path)
    assert offers.isHidden()
    qtbot.waitUntil(lambda: session.state is RunState.LEARNING, timeout=3000)
    session.stop()
    qtbot.waitUntil(lambda: session.state is RunState.IDLE, timeout=3000)
    assert not offers.isHidden()


def test_runs_of_this_stack_can_be_chosen_from_the_menu(
    qtbot: Any, make_offers: Any, volume: Volume, session: Session
) -> None:
    run = make_run_files(runs_folder() / "a", fingerprint(volume))
    make_run_files(runs_folder() / "other", "0" * 16)
    offers = make_offers()
    qtbot.waitUntil(lambda: "04 May 2026 14:02 · step 240" in titles(offers.runs_menu)[0], timeout=3000)
    (action,) = offers.runs_menu.actions()
    with qtbot.waitSignal(offers.wanted) as wanted:
        action.trigger()
    assert wanted.args == [str(run), False]
    session.use(None)
    assert titles(offers.runs_menu) == ["choose a stack first"]


def test_without_runs_the_menu_says_so(make_offers: Any) -> None:
    assert titles(make_offers().runs_menu) == ["none yet"]


def test_any_folder_can_be_opened(
    qtbot: Any, make_offers: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    offers = make_offers()
    with qtbot.waitSignal(offers.wanted) as wanted:
        offers.open_action.trigger()
    assert wanted.args == [str(tmp_path), False]
