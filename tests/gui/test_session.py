"""A session with fake runs: states, views, old events, errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import Event, RunEnded, SnapshotTaken, ViewRequest
from napari_em_autoclass.gui.run_place import mark_cut_off, was_closed_midway
from napari_em_autoclass.gui.session import RunState, Session, sentence_for
from napari_em_autoclass.gui.wishes import Wishes

WHOLE = ViewRequest(2, 0, 32, 0, 48)


def start(qtbot: Any, session: Session) -> None:
    session.start(Wishes())
    qtbot.waitUntil(lambda: session.state is RunState.LEARNING, timeout=3000)


def test_it_goes_from_idle_over_learning_back_to_idle(qtbot: Any, make_session: Any, volume: Any) -> None:
    session = make_session(n_steps=2)
    session.use(volume)
    states: list[RunState] = []
    session.state_changed.connect(states.append)
    with qtbot.waitSignal(session.state_changed, check_params_cb=lambda s: s is RunState.IDLE, timeout=3000):
        session.start(Wishes())
    assert states == [RunState.STARTING, RunState.LEARNING, RunState.IDLE]


def test_without_a_stack_nothing_starts(make_session: Any) -> None:
    session = make_session()
    session.start(Wishes())
    assert session.state is RunState.IDLE


def test_a_second_start_while_learning_does_nothing(qtbot: Any, session: Session, runs: list[Any]) -> None:
    start(qtbot, session)
    session.start(Wishes())
    assert len(runs) == 1


def test_stop_ends_the_run_and_is_told(qtbot: Any, session: Session) -> None:
    start(qtbot, session)
    said: list[str] = []
    session.said.connect(lambda sentence, _: said.append(sentence))
    session.stop()
    assert session.state is RunState.STOPPING
    qtbot.waitUntil(lambda: session.state is RunState.IDLE, timeout=3000)
    assert any("Stopped" in sentence for sentence in said)


def test_stop_before_the_run_is_open_ends_it_too(qtbot: Any, session: Session, runs: list[Any]) -> None:
    session.start(Wishes())
    session.stop()
    qtbot.waitUntil(lambda: session.state is RunState.IDLE, timeout=3000)
    assert all(run.stopped or not run.begun for run in runs)


def test_a_paused_run_still_answers_views(qtbot: Any, session: Session, runs: list[Any]) -> None:
    start(qtbot, session)
    session.pause(True)
    assert session.state is RunState.PAUSED
    assert runs[0].is_paused
    view_shown = lambda event: isinstance(event, SnapshotTaken) and event.view.z == 4  # noqa: E731
    with qtbot.waitSignal(session.happened, check_params_cb=view_shown, timeout=3000):
        session.look(ViewRequest(4, 0, 32, 0, 48))
    session.pause(False)
    assert session.state is RunState.LEARNING


def test_each_view_has_a_larger_serial_and_the_classes_asked_for(qtbot: Any, session: Session, runs: list[Any]) -> None:
    start(qtbot, session)
    session.look(WHOLE)
    first = runs[0].view
    session.ask_probabilities((1, 3))
    second = runs[0].view
    assert (first.z, second.z) == (2, 2)
    assert second.serial > first.serial
    assert second.prob_classes == (1, 3)


def test_a_view_from_before_the_start_is_known_to_the_run(qtbot: Any, session: Session, runs: list[Any]) -> None:
    session.look(WHOLE)
    start(qtbot, session)
    assert runs[0].view.z == 2


def test_events_of_an_older_run_and_late_answers_are_dropped(
    qtbot: Any, session: Session, runs: list[Any], fake_run: Any
) -> None:
    start(qtbot, session)
    session.pause(True)
    qtbot.wait(20)
    heard: list[Any] = []
    session.happened.connect(heard.append)
    session._on_event(fake_run().step(7))
    assert heard == []
    session._on_event(runs[0].snapshot(ViewRequest(1, 0, 32, 0, 48, serial=50)))
    session._on_event(runs[0].snapshot(ViewRequest(3, 0, 32, 0, 48, serial=49)))
    assert [event.view.serial for event in heard] == [50]


def test_an_error_gives_one_sentence_and_the_log_the_traceback(
    qtbot: Any, session: Session, runs: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    said: list[tuple[str, bool]] = []
    session.said.connect(lambda *told: said.append(told))
    start(qtbot, session)
    runs[0].failure = RuntimeError("shapes differ\nlong story")
    qtbot.waitUntil(lambda: session.state is RunState.IDLE, timeout=3000)
    assert said[-1][1]
    assert "shapes differ" in said[-1][0]
    assert "long story" not in said[-1][0]
    assert "Traceback" in caplog.text


def test_another_stack_ends_the_run(qtbot: Any, session: Session, runs: list[Any], volume: Any) -> None:
    from dataclasses import replace

    start(qtbot, session)
    session.use(replace(volume, name="other"))
    qtbot.waitUntil(lambda: runs[0].closed and session.state is RunState.IDLE, timeout=3000)
    assert session.run_dir is None


def test_after_the_run_views_are_answered_from_its_folder(
    qtbot: Any, session: Session, tmp_path: Path, runs: list[Any]
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "weights.safetensors").touch()
    session.look(WHOLE)
    session.start(Wishes(), folder)
    qtbot.waitUntil(lambda: session.state is RunState.LEARNING, timeout=3000)
    session.stop()
    qtbot.waitUntil(lambda: session.state is RunState.IDLE, timeout=3000)
    answered = lambda event: event.step == 99 and event.view.z == 1  # noqa: E731
    with qtbot.waitSignal(session.happened, check_params_cb=answered, timeout=3000):
        session.look(ViewRequest(1, 0, 32, 0, 48))


def test_closing_ends_the_worker_without_a_word(qtbot: Any, session: Session, runs: list[Any]) -> None:
    start(qtbot, session)
    with qtbot.assertNotEmitted(session.said), qtbot.assertNotEmitted(session.state_changed):
        session.close()
        qtbot.waitUntil(lambda: runs[0].closed, timeout=3000)


def test_the_sentence_of_a_user_error_is_its_message() -> None:
    assert sentence_for(InputError("too small; choose another")) == "too small; choose another"
    assert "ZeroDivisionError" in sentence_for(ZeroDivisionError())


def test_the_same_wishes_go_on_with_the_last_run_and_others_begin_anew(
    qtbot: Any, session: Session, tmp_path: Path, runs: list[Any]
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "weights.safetensors").touch()
    for wishes, into in ((Wishes(), folder), (Wishes(seconds=7), None), (Wishes(n_classes=9), None)):
        session.start(wishes, into)
        qtbot.waitUntil(lambda: session.state is RunState.LEARNING, timeout=3000)
        session.stop()
        qtbot.waitUntil(lambda: session.state is RunState.IDLE, timeout=3000)
    assert [run.order.resume for run in runs] == [False, True, False]
    assert [run.order.run_dir == folder for run in runs] == [True, True, False]


def test_a_lent_session_learns_nothing_until_it_is_taken_back(
    session: Session, runs: list[Any], tmp_path: Path
) -> None:
    stopped: list[bool] = []
    assert session.lend(lambda: stopped.append(True))
    assert session.state is RunState.COMPARING
    assert not session.lend(lambda: None)
    session.start(Wishes(), tmp_path / "run")
    assert runs == []
    session.stop()
    assert stopped == [True]
    assert session.is_busy  # until whoever has it gives it back
    session.take_back()
    assert session.state is RunState.IDLE
    session.take_back()  # once more does no harm
    assert not session.is_busy


def test_a_run_taken_up_answers_views_and_the_next_start_goes_on_with_it(
    qtbot: Any, session: Session, runs: list[Any], tmp_path: Path
) -> None:
    (tmp_path / "weights.safetensors").touch()
    session.look(WHOLE)
    with qtbot.waitSignals([session.state_changed, session.happened], timeout=3000) as told:
        session.take_up(tmp_path, Wishes(n_classes=4))
    assert isinstance(told.all_signals_and_args[-1].args[0], SnapshotTaken)
    assert session.run_dir == tmp_path
    assert session.can_go_on(Wishes(n_classes=4, seconds=3.0))
    assert not session.can_go_on(Wishes(n_classes=5))
    session.start(Wishes(n_classes=4))
    qtbot.waitUntil(lambda: session.state is RunState.LEARNING, timeout=3000)
    assert (runs[-1].order.resume, runs[-1].order.run_dir) == (True, tmp_path)


def test_a_run_taken_up_without_wishes_only_answers(session: Session, tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").touch()
    session.take_up(tmp_path, None)
    assert session.run_dir == tmp_path
    assert not session.can_go_on(Wishes())


def test_while_it_learns_nothing_is_taken_up(qtbot: Any, session: Session, tmp_path: Path) -> None:
    start(qtbot, session)
    before = session.run_dir
    session.take_up(tmp_path, None)
    assert session.run_dir == before


def test_a_run_that_has_just_ended_is_not_closed_midway(
    qtbot: Any, make_session: Any, volume: Any, tmp_path: Path
) -> None:
    session, states = make_session(n_steps=2), []

    def close(event: Event) -> None:
        if isinstance(event, RunEnded):
            states.append(session.state)
            session.close()

    session.happened.connect(close)
    session.use(volume)
    (tmp_path / "run.json").touch()
    session.start(Wishes(), tmp_path)
    qtbot.waitUntil(lambda: session.state is RunState.IDLE, timeout=3000)
    assert states == [RunState.LEARNING]
    assert not was_closed_midway(tmp_path)


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_run_is_marked_when_the_window_is_closed_midway_but_not_when_it_was_stopped(
    qtbot: Any, session: Session, tmp_path: Path, is_stopped: bool
) -> None:
    (tmp_path / "run.json").touch()
    mark_cut_off(tmp_path, True)
    session.start(Wishes(), tmp_path)
    assert not was_closed_midway(tmp_path)
    qtbot.waitUntil(lambda: session.state is RunState.LEARNING, timeout=3000)
    if is_stopped:
        session.stop()
    session.close()
    assert was_closed_midway(tmp_path) != is_stopped
