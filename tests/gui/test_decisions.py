"""Decisions are undoable and saved once after several quick edits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from napari_em_autoclass.core.class_file import ChangedElsewhere
from napari_em_autoclass.core.class_map import ClassMap, History
from napari_em_autoclass.gui import decisions as module
from napari_em_autoclass.gui.decisions import Decisions


@pytest.fixture
def saved() -> list[History]:
    return []


@pytest.fixture
def decisions(qtbot: Any, saved: list[History]) -> Decisions:
    made = Decisions(lambda history: saved.append(history) or history)  # type: ignore[func-returns-value]
    made.begin(History.of(ClassMap.fresh(4)))
    yield made
    made.close()


def test_quick_edits_are_saved_once_and_completely(qtbot: Any, decisions: Decisions, saved: list[History]) -> None:
    for name in ("a", "ab", "abc"):
        decisions.do(decisions.class_map.rename(1, name))
    assert saved == []
    qtbot.waitUntil(lambda: len(saved) == 1, timeout=2000)
    assert saved[0].present.name_of(1) == "abc"
    assert len(saved[0].past) == 3


def test_an_edit_that_changes_nothing_is_none(qtbot: Any, decisions: Decisions) -> None:
    with qtbot.assertNotEmitted(decisions.changed):
        decisions.do(ClassMap.fresh(4))
        decisions.undo()
        decisions.redo()


def test_undo_and_redo_are_told_and_saved(qtbot: Any, decisions: Decisions, saved: list[History]) -> None:
    decisions.do(decisions.class_map.merge([1, 2]))
    with qtbot.waitSignal(decisions.changed, check_params_cb=lambda c: c == ClassMap.fresh(4)):
        decisions.undo()
    decisions.redo()
    decisions.close()
    assert saved[-1].present.members(1) == (1, 2)


def test_another_run_saves_what_was_open_first(decisions: Decisions, saved: list[History]) -> None:
    decisions.do(decisions.class_map.rename(1, "axon"))
    decisions.begin(History.of(ClassMap.fresh(7)))
    assert [history.present.n_classes for history in saved] == [4]
    assert decisions.class_map.n_classes == 7


def test_what_was_decided_before_there_was_a_run_to_save_it_in_is_saved_with_the_run(qtbot: Any) -> None:
    saved, has_run = list[History](), False
    decisions = Decisions(lambda history: (saved.append(history) or history) if has_run else None)  # type: ignore[func-returns-value]
    decisions.begin(History.of(ClassMap.fresh(4)))
    decisions.do(decisions.class_map.rename(1, "axon"))
    decisions.save_now()
    decisions.begin(decisions.history)  # the run begins, with them
    has_run = True
    decisions.save_now()
    assert [history.present.name_of(1) for history in saved] == ["axon"]
    decisions.save_now()
    assert len(saved) == 1
    decisions.close()


def test_what_was_decided_without_a_run_is_not_saved_in_another(qtbot: Any) -> None:
    saved, has_run = list[History](), False
    decisions = Decisions(lambda history: (saved.append(history) or history) if has_run else None)  # type: ignore[func-returns-value]
    decisions.begin(History.of(ClassMap.fresh(4)))
    decisions.do(decisions.class_map.rename(1, "axon"))
    decisions.begin(History.of(ClassMap.fresh(7)))
    has_run = True
    decisions.close()
    assert saved == []


def test_before_the_first_run_there_is_nothing_to_decide(qtbot: Any) -> None:
    decisions = Decisions(lambda history: None)
    decisions.do(ClassMap.fresh(4))
    decisions.undo()
    assert decisions.class_map is None
    assert decisions.history is None


def test_a_preview_shows_and_leaves_no_trace(qtbot: Any, decisions: Decisions, saved: list[History]) -> None:
    shown: list[ClassMap] = []
    decisions.previewed.connect(shown.append)
    fresh, merged = ClassMap.fresh(4), ClassMap.fresh(4).merge([1, 2])
    with qtbot.assertNotEmitted(decisions.changed):
        for class_map in (merged, merged, None, None, fresh, merged):
            decisions.preview(class_map)
    assert shown == [merged, fresh, merged]
    assert (decisions.shown, decisions.class_map, decisions.is_previewing) == (merged, fresh, True)
    decisions.save_now()
    assert saved == []
    decisions.do(decisions.shown)
    assert (decisions.class_map, decisions.is_previewing, len(decisions.history.past)) == (merged, False, 1)


def test_undo_ends_a_preview(decisions: Decisions) -> None:
    decisions.do(decisions.class_map.rename(1, "axon"))
    decisions.preview(decisions.class_map.merge([2, 3]))
    decisions.undo()
    assert decisions.shown == ClassMap.fresh(4)


def test_before_the_first_run_there_is_nothing_to_preview(qtbot: Any) -> None:
    decisions = Decisions(lambda history: None)
    decisions.preview(ClassMap.fresh(4))
    assert decisions.shown is None


# --- a disk that refuses, and another program that edits too ---------------------------------------------------------


class Disk:
    """Saves as a run folder does; `fails` is what it raises instead."""

    def __init__(self) -> None:
        self.kept: list[History] = []
        self.fails: Exception | None = None

    def save(self, history: History) -> History:
        if self.fails is not None:
            error, self.fails = self.fails, None if isinstance(self.fails, ChangedElsewhere) else self.fails
            raise error
        self.kept.append(replace(history, revision=len(self.kept) + 1))
        return self.kept[-1]


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def kept(qtbot: Any, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> Decisions:
    monkeypatch.setattr(module, "_AGAIN_AFTER_MS", 10)
    made = Decisions(disk.save)
    made.begin(History.of(ClassMap.fresh(4)))
    yield made
    made.close()


def test_the_revision_on_disk_is_that_of_the_next_save(kept: Decisions) -> None:
    for name in ("a", "b"):
        kept.do(kept.class_map.rename(1, name))
        kept.save_now()
    assert kept.history.revision == 2


def test_an_edit_that_could_not_be_saved_is_tried_again_and_said_once(qtbot: Any, kept: Decisions, disk: Disk) -> None:
    told: list[tuple[str, bool]] = []
    kept.said.connect(lambda *said: told.append(said))
    disk.fails = OSError(28, "No space left on device")
    kept.do(kept.class_map.rename(1, "axon"))
    kept.save_now()
    qtbot.wait(60)  # some tries later
    disk.fails = None
    qtbot.waitUntil(lambda: len(disk.kept) == 1, timeout=5000)
    assert disk.kept[0].present.name_of(1) == "axon"
    message = "Names and merges are not saved: [Errno 28] No space left on device. It is tried again and again."
    assert told == [(message, True)]


def test_what_another_program_decided_is_one_undo_away(qtbot: Any, kept: Decisions, disk: Disk) -> None:
    fresh = History.of(ClassMap.fresh(4))
    theirs = replace(fresh.do(fresh.present.rename(2, "theirs")), revision=7)
    disk.fails = ChangedElsewhere(Path("run"), theirs)
    kept.do(kept.class_map.rename(1, "mine"))
    with qtbot.waitSignal(kept.said, check_params_cb=lambda text, is_error: "back by Undo" in text and not is_error):
        kept.save_now()
    assert disk.kept[-1].present.name_of(1) == "mine"
    kept.undo()
    assert kept.class_map.name_of(2) == "theirs"
    kept.save_now()
    assert disk.kept[-1].present.name_of(2) == "theirs"


def test_what_another_program_decided_ends_a_preview(qtbot: Any, kept: Decisions, disk: Disk) -> None:
    theirs = replace(History.of(ClassMap.fresh(4)), revision=7)
    disk.fails = ChangedElsewhere(Path("run"), theirs)
    listed: list[ClassMap] = []
    kept.changed.connect(listed.append)
    kept.previewed.connect(listed.append)
    kept.do(kept.class_map.rename(1, "mine"))
    kept.preview(kept.class_map.merge([1, 2]))
    kept.save_now()
    assert kept.shown == listed[-1] == kept.class_map
