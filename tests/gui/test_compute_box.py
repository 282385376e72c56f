from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from napari_em_autoclass.core.class_map import ClassMap, History
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.place import HERE, Place
from napari_em_autoclass.gui.compute_box import ComputeBox, kept_history
from napari_em_autoclass.gui.session import RunState, Session
from napari_em_autoclass.gui.wishes import Wishes

ADDRESS = "tcp://gpu-box:8786"


def training(run_dir: Path, run_id: str = "3f2a") -> Any:
    settings = SimpleNamespace(recipe="dino", n_classes=4)
    known = {"state": "learning", "fraction": 0.25, "step": 250, "volume_name": "tiny"}
    return SimpleNamespace(run_id=run_id, run_dir=str(run_dir), settings=settings, **known)


@pytest.fixture
def found(tmp_path: Path) -> list[Any]:
    return [training(tmp_path / "run")]


@pytest.fixture
def make_box(qtbot: Any, session: Session, found: list[Any]) -> Iterator[Callable[..., ComputeBox]]:
    def list_trainings(address: str) -> Sequence[Any]:
        assert address == ADDRESS
        return found

    made: list[ComputeBox] = []

    def make(ask: Callable[[str], Sequence[Any]] = list_trainings) -> ComputeBox:
        made.append(ComputeBox(session, ask))
        qtbot.addWidget(made[-1])
        return made[-1]

    yield make
    for box in made:
        box.close_down()


def choose(box: ComputeBox, kind: str) -> None:
    box.kind_box.setCurrentIndex(box.kind_box.findData(kind))


def test_a_training_computes_here_unless_something_else_is_chosen(
    make_box: Callable[..., ComputeBox], session: Session
) -> None:
    box = make_box()
    assert box.place == session.place == HERE
    choose(box, "own process")
    assert session.place == Place("own process")


def test_a_cluster_has_an_address_and_may_keep_learning(
    make_box: Callable[..., ComputeBox], session: Session, qtbot: Any
) -> None:
    box = make_box()
    choose(box, "cluster")
    with qtbot.waitSignal(box.summarised, check_params_cb=lambda text: text == ADDRESS):
        box.address_edit.setText(f" {ADDRESS} ")
        box.address_edit.editingFinished.emit()
    box.keep_box.setChecked(True)
    assert session.place == Place("cluster", ADDRESS, keeps_going=True)
    assert not box.address_edit.isHidden()
    choose(box, "here")
    assert session.place == HERE
    assert box.address_edit.isHidden()


def test_the_order_of_a_run_says_where(
    make_box: Callable[..., ComputeBox], session: Session, runs: list[Any], qtbot: Any
) -> None:
    choose(make_box(), "own process")
    session.start(Wishes())
    qtbot.waitUntil(lambda: bool(runs))
    assert runs[0].order.place == Place("own process")


def test_what_runs_at_the_address_is_offered_and_followed(
    make_box: Callable[..., ComputeBox], session: Session, runs: list[Any], found: list[Any], qtbot: Any
) -> None:
    box = make_box()
    choose(box, "cluster")
    box.address_edit.setText(ADDRESS)
    box.keep_box.setChecked(True)
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, _: text.startswith("1 at")):
        with qtbot.waitSignal(session.said):
            box.look_for_trainings()
    (action,) = box.menu_of(found).actions()
    assert action.text() == "tiny: dino, learning, 25%, step 250"
    action.trigger()
    qtbot.waitUntil(lambda: bool(runs))
    assert runs[0].order.place == Place("cluster", ADDRESS, True, "3f2a")
    assert str(runs[0].order.run_dir) == found[0].run_dir
    assert session.is_resumed
    assert session.place.follows == ""  # the next one is a new one


def test_without_an_address_nobody_is_asked(make_box: Callable[..., ComputeBox], session: Session, qtbot: Any) -> None:
    box = make_box()
    choose(box, "cluster")
    box.address_edit.setText("")
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, is_error: "address" in text and is_error):
        box.look_for_trainings()


def test_a_cluster_that_does_not_answer_is_said(
    make_box: Callable[..., ComputeBox], session: Session, qtbot: Any
) -> None:
    def nobody(address: str) -> Sequence[Any]:
        raise InputError(f"no Dask scheduler can be reached at {address}")

    box = make_box(nobody)
    choose(box, "cluster")
    box.address_edit.setText(ADDRESS)
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, is_error: is_error):
        box.look_for_trainings()


def test_while_a_training_runs_the_place_stays(
    make_box: Callable[..., ComputeBox], session: Session, qtbot: Any
) -> None:
    box = make_box()
    session.start(Wishes())
    qtbot.waitUntil(lambda: session.state is RunState.LEARNING)
    assert not box.isEnabled()


def test_names_of_a_followed_run_are_those_of_its_folder(
    session: Session, fast_settings: Any, volume: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.model import working_volume

    normalisation = working_volume(volume, fast_settings).normalisation
    folder = RunFolder.create(tmp_path / "run", fast_settings, volume, normalisation)
    named = History.of(ClassMap.fresh(4).rename(1, "mitochondria"))
    folder.save_history(named)
    monkeypatch.setattr(Session, "run_dir", property(lambda _: tmp_path / "run"))
    assert kept_history(session) is None  # a new run
    session.is_resumed = True
    kept = kept_history(session)
    assert kept is not None
    assert kept.present == named.present
    (tmp_path / "run" / "classes.json").write_text("{")
    assert kept_history(session) is None
