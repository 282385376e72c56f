"""When the stack is looked over, and what is asked of a voxel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_em_autoclass.core.class_map import ClassMap, History
from napari_em_autoclass.core.class_splits import with_split
from napari_em_autoclass.core.split import FoundParts
from napari_em_autoclass.gui.decisions import Decisions
from napari_em_autoclass.gui.session import RunState, Session
from napari_em_autoclass.gui.surveyor import Surveyor

SPLIT = with_split(ClassMap.fresh(4), FoundParts(2, ((0.0,), (1.0,)), 1.0, "student@1"))


@pytest.fixture
def decisions(qapp: Any) -> Decisions:
    made = Decisions(lambda history: None)
    made.begin(History.of(ClassMap.fresh(4)))
    return made


@pytest.fixture
def looked() -> list[Any]:
    return []


@pytest.fixture
def surveyor(qtbot: Any, session: Session, decisions: Decisions, looked: list[Any], tmp_path: Path) -> Surveyor:
    session._run_dir = tmp_path
    (tmp_path / "weights.safetensors").touch()

    def look(run_dir: Path, volume: Any, splits: Any, report: Any) -> Any:
        looked.append(splits)
        return f"survey {len(looked)}"

    def ask(run_dir: Path, volume: Any, splits: Any, place: Any, report: Any) -> dict[int, float]:
        return {1: 0.25, place[0]: 0.75}

    made = Surveyor(session, decisions, look, ask)
    yield made
    made.close_down()


def test_the_end_of_a_run_is_surveyed_once(qtbot: Any, surveyor: Surveyor, session: Session, looked: list[Any]) -> None:
    with qtbot.waitSignal(surveyor.surveyed, timeout=5000):
        session.state_changed.emit(RunState.IDLE)
    session.state_changed.emit(RunState.IDLE)
    assert looked == [()]


def test_a_split_is_looked_at_anew_and_a_name_is_not(
    qtbot: Any, surveyor: Surveyor, session: Session, decisions: Decisions, looked: list[Any]
) -> None:
    decisions.do(SPLIT)  # before the first survey nobody looks
    with qtbot.waitSignal(surveyor.surveyed, timeout=5000):
        session.state_changed.emit(RunState.IDLE)
    decisions.do(SPLIT.rename(5, "axon"))
    assert not surveyor.is_looking
    with qtbot.waitSignal(surveyor.surveyed, timeout=5000):
        decisions.do(ClassMap.fresh(4))
    assert [len(splits) for splits in looked] == [1, 0]


def test_a_split_that_is_undone_is_not_looked_at_again(
    qtbot: Any, surveyor: Surveyor, session: Session, decisions: Decisions, looked: list[Any]
) -> None:
    told: list[str] = []
    surveyor.surveyed.connect(told.append)
    with qtbot.waitSignal(surveyor.surveyed, timeout=5000):
        session.state_changed.emit(RunState.IDLE)
    with qtbot.waitSignal(surveyor.surveyed, timeout=5000):
        decisions.do(SPLIT)
    decisions.undo()
    assert not surveyor.is_looking
    decisions.redo()
    assert told == ["survey 1", "survey 2", "survey 1", "survey 2"]
    session.state_changed.emit(RunState.STARTING)
    with qtbot.waitSignal(surveyor.surveyed, timeout=5000):
        session.state_changed.emit(RunState.IDLE)  # other weights
    assert told[-1] == "survey 3"
    assert [len(splits) for splits in looked] == [0, 1, 1]


def test_a_voxel_tells_its_probabilities(qtbot: Any, surveyor: Surveyor) -> None:
    with qtbot.waitSignal(surveyor.told, timeout=5000, check_params_cb=lambda p: p == {1: 0.25, 3: 0.75}):
        surveyor.ask((3, 0, 0))


def test_without_weights_nothing_is_asked(surveyor: Surveyor, session: Session, looked: list[Any]) -> None:
    (session.run_dir / "weights.safetensors").unlink()
    session.state_changed.emit(RunState.IDLE)
    surveyor.ask((0, 0, 0))
    assert not surveyor.is_looking
    assert looked == []
