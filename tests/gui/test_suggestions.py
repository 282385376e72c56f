"""The slider that previews merges, and the button that makes them one decision."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_em_autoclass.core.class_map import ClassMap, History
from napari_em_autoclass.core.class_relations import ClassRelations
from napari_em_autoclass.core.class_splits import with_split
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import CheckpointSaved, ClassesRemade
from napari_em_autoclass.core.split import FoundParts
from napari_em_autoclass.gui.decisions import Decisions
from napari_em_autoclass.gui.session import RunState, Session
from napari_em_autoclass.gui.suggestions import Suggestions

K = 6
LOOKS = np.array([[0.0], [0.1], [3.0], [3.3], [9.0], [9.9]])  # 1 and 2 first, then 3 and 4, then 5 and 6


def relations() -> ClassRelations:
    everything = np.full((K, K), 100)
    return ClassRelations(np.full(K, 1000), everything, everything, LOOKS)


class Comparer:
    """Stands for the thread's work: says how often it was asked, and waits where it should."""

    def __init__(self) -> None:
        self.n_asked = 0
        self.may_end = threading.Event()
        self.may_end.set()
        self.failure: Exception | None = None

    def __call__(self, run_dir: Path, volume: Any, report: Callable[[float], None]) -> ClassRelations:
        self.n_asked += 1
        report(0.4)
        self.may_end.wait(5)
        report(0.5)
        if self.failure:
            raise self.failure
        return relations()


@pytest.fixture
def comparer() -> Comparer:
    return Comparer()


@pytest.fixture
def decisions(qapp: Any) -> Decisions:
    made = Decisions(lambda history: None)
    made.begin(History.of(ClassMap.fresh(K)))
    return made


@pytest.fixture
def row(qtbot: Any, session: Session, decisions: Decisions, comparer: Comparer, tmp_path: Path, fake_run: Any) -> Any:
    from napari_em_autoclass.gui.wishes import Wishes

    session.start(Wishes(), tmp_path / "run")
    qtbot.waitUntil(lambda: session.state is RunState.LEARNING, timeout=3000)
    made = Suggestions(session, decisions, comparer)
    qtbot.addWidget(made)
    made.on_event(CheckpointSaved("run", 0, ""))
    yield made
    made.close_down()
    comparer.may_end.set()


def slide(qtbot: Any, row: Suggestions, n_groups: int) -> None:
    row.slider.setValue(n_groups)
    qtbot.waitUntil(lambda: not row.is_comparing, timeout=3000)


def test_moving_the_slider_shows_merges_without_deciding_them(
    qtbot: Any, row: Suggestions, decisions: Decisions, comparer: Comparer
) -> None:
    shown: list[ClassMap] = []
    decisions.previewed.connect(shown.append)
    assert row.slider.isEnabled()
    assert not row.apply_button.isEnabled()
    for n_groups in (5, 4, 3, 4):
        slide(qtbot, row, n_groups)
    assert [class_map.rows() for class_map in shown] == [(1, 3, 4, 5, 6), (1, 3, 5, 6), (1, 3, 5), (1, 3, 5, 6)]
    assert row.figure.text() == "4 groups"
    assert comparer.n_asked == 1
    assert decisions.class_map == ClassMap.fresh(K)
    assert not decisions.history.can_undo
    slide(qtbot, row, K)
    assert shown[-1] == ClassMap.fresh(K)
    assert not row.apply_button.isEnabled()


def test_apply_is_one_decision_and_the_slider_begins_anew(
    qtbot: Any, row: Suggestions, decisions: Decisions, session: Session
) -> None:
    slide(qtbot, row, 5)
    slide(qtbot, row, 3)
    with qtbot.waitSignal(session.said, check_params_cb=lambda words, _: words.startswith("Merged into 3 rows")):
        qtbot.mouseClick(row.apply_button, Qt.MouseButton.LeftButton)
    assert decisions.class_map.rows() == (1, 3, 5)
    assert not decisions.is_previewing
    assert not row.slider.isEnabled()  # three groups are the fewest
    assert not row.apply_button.isEnabled()
    decisions.undo()
    assert decisions.class_map == ClassMap.fresh(K)
    assert (row.slider.value(), row.slider.isEnabled()) == (K, True)


def test_locked_classes_stay_out_and_groups_stay_together(qtbot: Any, row: Suggestions, decisions: Decisions) -> None:
    decisions.do(ClassMap.fresh(K).lock([2]).merge([1, 6]))
    assert row.slider.value() == 5
    slide(qtbot, row, 4)
    assert decisions.shown.rows() == (1, 2, 3, 5)
    assert decisions.shown.members(1) == (1, 6)
    assert decisions.shown.members(3) == (3, 4)


def test_another_decision_ends_the_preview(qtbot: Any, row: Suggestions, decisions: Decisions) -> None:
    slide(qtbot, row, 4)
    decisions.do(decisions.class_map.rename(1, "axon"))
    assert decisions.shown == decisions.class_map
    assert (row.slider.value(), row.figure.text()) == (K, "")


def test_the_dock_stays_awake_while_classes_are_compared(
    qtbot: Any, row: Suggestions, decisions: Decisions, comparer: Comparer
) -> None:
    comparer.may_end.clear()
    row.slider.setValue(5)
    qtbot.waitUntil(lambda: row.figure.text() == "40 %", timeout=3000)
    row.slider.setValue(3)  # only where it stands in the end is shown
    assert not decisions.is_previewing
    comparer.may_end.set()
    qtbot.waitUntil(lambda: decisions.is_previewing, timeout=3000)
    assert decisions.shown.rows() == (1, 3, 5)
    assert comparer.n_asked == 1


def test_classes_are_compared_anew_when_they_have_changed(
    qtbot: Any, row: Suggestions, comparer: Comparer, fake_run: Any
) -> None:
    slide(qtbot, row, 4)
    row.on_event(fake_run().step(10))  # 1 s later
    slide(qtbot, row, K)
    slide(qtbot, row, 4)
    assert comparer.n_asked == 1
    row.on_event(fake_run().step(500))  # 50 s
    slide(qtbot, row, 5)
    assert comparer.n_asked == 1  # not while its result is shown
    slide(qtbot, row, K)
    slide(qtbot, row, 5)
    assert comparer.n_asked == 2
    row.on_event(ClassesRemade("run", 500, (1.0,) * K))
    slide(qtbot, row, K)
    slide(qtbot, row, 4)
    assert comparer.n_asked == 3


def test_a_new_run_forgets_the_comparison_until_it_has_a_checkpoint(
    qtbot: Any, row: Suggestions, comparer: Comparer, fake_run: Any, decisions: Decisions
) -> None:
    comparer.may_end.clear()
    row.slider.setValue(5)
    qtbot.waitUntil(lambda: comparer.n_asked == 1, timeout=3000)
    decisions.begin(History.of(ClassMap.fresh(K)))
    row.on_event(fake_run().started())
    comparer.may_end.set()
    assert not row.slider.isEnabled()
    qtbot.wait(50)
    assert not decisions.is_previewing
    row.on_event(CheckpointSaved("run", 0, ""))
    slide(qtbot, row, 5)
    assert comparer.n_asked == 2


def test_a_run_that_goes_on_can_be_compared_before_it_saves_anew(
    row: Suggestions, fake_run: Any, session: Session
) -> None:
    run_dir = session.run_dir
    assert run_dir is not None
    run_dir.mkdir()
    (run_dir / "weights.safetensors").touch()
    row.on_event(fake_run().started())
    assert row.slider.isEnabled()


def test_an_error_is_one_sentence_and_the_slider_goes_back(
    qtbot: Any, row: Suggestions, comparer: Comparer, session: Session
) -> None:
    comparer.failure = InputError("the stack is gone; open it again")
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: error and "open it again" in text):
        row.slider.setValue(4)
    assert row.slider.value() == K
    assert row.figure.text() == ""


def test_it_says_nothing_without_a_run(qtbot: Any, session: Session) -> None:
    row = Suggestions(session, Decisions(lambda history: None))
    qtbot.addWidget(row)
    assert not row.slider.isEnabled()
    assert not row.apply_button.isEnabled()


def test_the_classes_of_a_real_run_are_compared(phantom: Any, fast_settings: Any, tmp_path: Path) -> None:
    from napari_em_autoclass.core.trainer import Trainer
    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.gui.suggestions import compare_classes

    volume = Volume(phantom.raw, phantom.voxel_size_nm)
    settings = fast_settings.replace(training=fast_settings.training.replace(steps=1))
    list(Trainer(volume, settings, run_dir=tmp_path / "run").events())
    told: list[float] = []
    assert compare_classes(tmp_path / "run", volume, told.append).n_classes == settings.n_classes
    assert told[0] == 0


def test_a_split_class_is_one_however_many_parts_it_shows(qtbot: Any, row: Suggestions, decisions: Decisions) -> None:
    split = with_split(ClassMap.fresh(K), FoundParts(5, ((0.0,), (1.0,), (2.0,)), 1.0, "student@0"))
    decisions.do(split)
    assert row.slider.maximum() == K
    slide(qtbot, row, K - 1)
    assert decisions.shown.rows() == (1, 3, 4, *split.splits[0].ids, 6)
    decisions.do(decisions.class_map.merge((3, 4)))
    assert row.slider.maximum() == K - 1
    decisions.do(decisions.class_map.merge((2, split.splits[0].ids[0])))  # with a part: it stays out of the tree
    assert row.slider.maximum() == K - 1
