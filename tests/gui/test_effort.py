"""Presets, the estimate, and settings in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.gui.effort import Effort
from napari_em_autoclass.gui.session import Session
from napari_em_autoclass.gui.wishes import Wishes


@pytest.fixture
def effort(qtbot: Any, session: Session) -> Effort:
    made = Effort(session, lambda: Wishes(n_classes=7, seconds=33.0, region="0:3,:,:", skip_sections=(1,)))
    qtbot.addWidget(made)
    yield made
    made.close_down()


def test_settings_come_back_from_their_file(qtbot: Any, effort: Effort, session: Session, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: "mine.json" in text and not error):
        effort.save(path)
    with qtbot.waitSignal(effort.loaded) as caught:
        effort.load(path)
    (loaded,) = caught.args
    assert (loaded.n_classes, loaded.training.seconds, loaded.region, loaded.skip_sections) == (
        7,
        33.0,
        "0:3,:,:",
        (1,),
    )


def test_a_file_of_something_else_is_one_sentence(qtbot: Any, effort: Effort, session: Session, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text('{"n_classes": 999}')
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: "n_classes" in text and error):
        effort.load(path)


def test_the_estimate_is_one_line_until_a_training_begins(
    qtbot: Any, effort: Effort, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_em_autoclass.gui.effort.estimate_sentence", lambda *_, **__: "First map 6 s")
    effort.estimate()
    qtbot.waitUntil(lambda: effort.estimate_label.text() == "First map 6 s")
    effort.set_busy(True)
    assert effort.estimate_label.text() == ""
    assert not effort.estimate_action.isEnabled()


def test_by_itself_it_takes_what_this_computer_has_measured_already(
    qtbot: Any, effort: Effort, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(
        "napari_em_autoclass.gui.effort.estimate_sentence", lambda *_, afresh: f"{asked.append(afresh) or 'told'}"
    )
    effort.estimate_if_idle()
    assert asked == []  # who presses Learn at once is not made to wait
    qtbot.waitUntil(lambda: effort.estimate_label.text() == "told")
    effort.estimate()
    qtbot.waitUntil(lambda: asked == [False, True] and effort.estimate_label.text() == "told")
    session.use(None)
    effort._estimate_if_idle()
    assert effort.estimate_label.text() == "told"


def test_what_nobody_asked_for_fails_without_a_word(
    qtbot: Any, effort: Effort, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> str:
        raise InputError("the stack is constant")

    monkeypatch.setattr("napari_em_autoclass.gui.effort.estimate_sentence", fail)
    with qtbot.assertNotEmitted(session.said, wait=100):
        effort._estimate_if_idle()
        qtbot.waitUntil(lambda: effort._worker is None)
    assert effort.estimate_label.isHidden()
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: "constant" in text and error):
        effort.estimate()


def test_without_a_stack_nothing_is_estimated(qtbot: Any, effort: Effort, session: Session) -> None:
    session.use(None)
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: "stack first" in text):
        effort.estimate()
