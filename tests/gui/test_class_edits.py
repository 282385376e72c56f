"""Wishes about rows become decisions; a split is found in another thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_em_autoclass.core.class_map import ClassMap, History
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import ViewRequest
from napari_em_autoclass.core.split import FoundParts
from napari_em_autoclass.gui.class_edits import ClassEdits
from napari_em_autoclass.gui.decisions import Decisions
from napari_em_autoclass.gui.session import Session


class Finder:
    """Stands for the thread's work."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.failure: Exception | None = None

    def __call__(self, run_dir: Path, volume: Any, what: tuple[int, int], view: ViewRequest | None, report: Any) -> Any:
        self.asked.append((run_dir, what, view))
        report(0.5)
        if self.failure:
            raise self.failure
        return FoundParts(what[0], tuple((float(k),) for k in range(what[1])), 1.0, "student@1")


@pytest.fixture
def decisions(qapp: Any) -> Decisions:
    made = Decisions(lambda history: None)
    made.begin(History.of(ClassMap.fresh(6)))
    return made


@pytest.fixture
def finder() -> Finder:
    return Finder()


@pytest.fixture
def edits(session: Session, decisions: Decisions, finder: Finder, tmp_path: Path) -> ClassEdits:
    session._run_dir = tmp_path
    made = ClassEdits(session, decisions, finder)
    yield made
    made.close_down()


def split(qtbot: Any, edits: ClassEdits, class_id: int, n: int) -> None:
    edits.split(class_id, n)
    qtbot.waitUntil(lambda: not edits.is_splitting, timeout=5000)


def test_a_split_is_one_decision_that_can_be_undone(
    qtbot: Any, edits: ClassEdits, decisions: Decisions, finder: Finder, session: Session
) -> None:
    session.look(ViewRequest(3, 0, 32, 0, 48))
    split(qtbot, edits, 2, 3)
    assert decisions.class_map.rows() == (1, 7, 8, 9, 3, 4, 5, 6)
    assert finder.asked[0][1] == (2, 3)
    assert finder.asked[0][2].z == 3
    decisions.undo()
    assert decisions.class_map == ClassMap.fresh(6)
    decisions.redo()
    edits.take_apart((7, 8, 9))
    assert decisions.class_map == ClassMap.fresh(6)


def test_a_class_that_may_not_be_split_is_refused_before_any_work(
    qtbot: Any, edits: ClassEdits, decisions: Decisions, finder: Finder, session: Session
) -> None:
    edits.toggle_locks((2,))
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: "class 2 is locked" in text and error):
        edits.split(2, 2)
    assert finder.asked == []


def test_what_goes_wrong_in_the_thread_is_one_sentence(
    qtbot: Any, edits: ClassEdits, decisions: Decisions, finder: Finder, session: Session
) -> None:
    finder.failure = InputError("class 2 is too rare where it was looked for")
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: "too rare" in text and error, timeout=5000):
        edits.split(2, 2)
    assert decisions.class_map == ClassMap.fresh(6)
    assert not edits.is_splitting


def test_without_a_run_nothing_is_split(edits: ClassEdits, finder: Finder, session: Session) -> None:
    session._run_dir = None
    edits.split(2, 2)
    assert finder.asked == []


def test_solo_shows_one_and_again_all(edits: ClassEdits, decisions: Decisions) -> None:
    edits.solo((3,))
    assert [i for i in range(1, 7) if decisions.class_map.is_visible(i)] == [3]
    edits.solo((4, 5))
    assert [i for i in range(1, 7) if decisions.class_map.is_visible(i)] == [4, 5]
    edits.solo((4, 5))
    assert decisions.class_map.hidden == frozenset()


def test_several_are_toggled_together(edits: ClassEdits, decisions: Decisions) -> None:
    edits.toggle_eyes((1, 2))
    assert decisions.class_map.hidden == {1, 2}
    edits.toggle_eyes((2, 3))
    assert decisions.class_map.hidden == {1}
    edits.toggle_locks((1,))
    edits.toggle_ignored((1, 2))
    assert (decisions.class_map.locked, decisions.class_map.ignored) == ({1}, {1, 2})
    edits.toggle_locks((1,))
    edits.toggle_ignored((1, 2))
    assert (decisions.class_map.locked, decisions.class_map.ignored) == (frozenset(), frozenset())


def test_groups_and_splits_are_taken_apart_together(qtbot: Any, edits: ClassEdits, decisions: Decisions) -> None:
    split(qtbot, edits, 2, 2)
    edits.change(lambda c: c.merge([3, 4]))
    edits.take_apart((3, 7, 8))
    assert decisions.class_map == ClassMap.fresh(6)
