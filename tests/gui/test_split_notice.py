"""Splits that can't be shown any more are told of, and made again."""

from __future__ import annotations

from typing import Any

import pytest

from napari_em_autoclass.core.class_map import ClassMap, History
from napari_em_autoclass.core.class_splits import with_split
from napari_em_autoclass.core.events import RunEnded
from napari_em_autoclass.core.split import FoundParts
from napari_em_autoclass.gui.decisions import Decisions
from napari_em_autoclass.gui.session import Session
from napari_em_autoclass.gui.split_notice import SplitNotice


@pytest.fixture
def decisions(qapp: Any) -> Decisions:
    made = Decisions(lambda history: None)
    split = with_split(ClassMap.fresh(6), FoundParts(5, ((0.0,), (1.0,), (2.0,)), 1.0, "student@240"))
    made.begin(History.of(split))
    return made


@pytest.fixture
def notice(qtbot: Any, session: Session, decisions: Decisions) -> SplitNotice:
    made = SplitNotice(session, decisions)
    qtbot.addWidget(made)
    return made


def test_parts_of_the_present_weights_need_no_word(notice: SplitNotice) -> None:
    assert notice.isHidden()
    notice.on_event(RunEnded("r", 240, "finished"))
    assert notice.isHidden()


def test_while_learning_it_says_so_and_offers_nothing(notice: SplitNotice, fake_run: Any) -> None:
    notice.on_event(fake_run().started())
    assert not notice.isHidden()
    assert notice.label.text() == "class 5 shows whole while the network learns: the parts are of before."
    assert notice.again_button.isHidden()


def test_after_it_the_split_is_made_again(qtbot: Any, notice: SplitNotice, decisions: Decisions) -> None:
    notice.on_event(RunEnded("r", 300, "finished"))
    assert "since the network has learned on" in notice.label.text()
    with qtbot.waitSignal(notice.split_wanted, check_params_cb=lambda *wanted: wanted == (5, 3)):
        notice.again_button.click()
    assert decisions.class_map.splits == ()
    assert notice.isHidden()


def test_a_part_that_is_merged_is_not_taken_apart(
    qtbot: Any, notice: SplitNotice, decisions: Decisions, session: Session
) -> None:
    part = decisions.class_map.splits[0].ids[0]
    decisions.do(decisions.class_map.merge((part, 1)))
    notice.on_event(RunEnded("r", 300, "finished"))
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, wrong: "un-merge" in text and wrong):
        notice.again_button.click()
    assert len(decisions.class_map.splits) == 1
