"""Buttons, progress and wishes of the learn panel."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.gui.recipe_card import DEFAULT_CLASSES, DEFAULT_SECONDS
from napari_em_autoclass.gui.session import RunState, Session
from napari_em_autoclass.gui.training_panel import TrainingPanel


@pytest.fixture
def panel(qtbot: Any, session: Session) -> TrainingPanel:
    made = TrainingPanel(session)
    qtbot.addWidget(made)
    session.happened.connect(made.on_event)
    yield made
    made.close_down()


def learn(qtbot: Any, panel: TrainingPanel, session: Session) -> None:
    qtbot.mouseClick(panel.learn_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: session.state is RunState.LEARNING, timeout=3000)


def test_untouched_it_wishes_for_the_defaults(panel: TrainingPanel) -> None:
    wishes = panel.wishes
    assert (wishes.n_classes, wishes.seconds, wishes.advanced) == (DEFAULT_CLASSES, DEFAULT_SECONDS, None)
    assert wishes.weights["forecast"] == 1.0


def test_learn_is_the_button_to_press_and_then_pause_and_stop(
    qtbot: Any, panel: TrainingPanel, session: Session, runs: list[Any]
) -> None:
    buttons = (panel.learn_button, panel.pause_button, panel.stop_button)
    assert [button.isEnabled() for button in buttons] == [True, False, False]
    learn(qtbot, panel, session)
    assert [button.isEnabled() for button in buttons] == [False, True, True]
    panel.pause_button.click()
    assert runs[0].is_paused
    panel.pause_button.click()
    assert not runs[0].is_paused
    panel.stop_button.click()
    qtbot.waitUntil(lambda: session.state is RunState.IDLE, timeout=3000)
    assert [button.isEnabled() for button in buttons] == [True, False, False]


def test_without_a_stack_there_is_nothing_to_learn(qtbot: Any, make_session: Any) -> None:
    panel = TrainingPanel(make_session())
    qtbot.addWidget(panel)
    assert not panel.learn_button.isEnabled()
    panel.close_down()


def test_what_is_set_arrives_in_the_order(qtbot: Any, panel: TrainingPanel, session: Session, runs: list[Any]) -> None:
    panel.classes_box.setValue(12)
    panel.minutes_box.setValue(1.5)
    learn(qtbot, panel, session)
    wishes = runs[0].order.wishes
    assert (wishes.n_classes, wishes.seconds) == (12, 90)


def test_steps_move_the_bar_and_tell_the_time_left(panel: TrainingPanel, fake_run: Any) -> None:
    run = fake_run()
    panel.on_event(run.started())
    panel.on_event(run.step(25))  # a quarter done after 2.5 s
    assert panel.progress_bar.value() == 250
    assert panel.speed_label.text() == "0:08 left · 10 steps/s"
    panel.on_event(run.ended())
    assert panel.progress_bar.value() == 1000


def test_nothing_is_said_about_the_time_left_before_it_can_be_known(panel: TrainingPanel, fake_run: Any) -> None:
    panel.on_event(fake_run().step(1))
    assert "left" not in panel.speed_label.text()


def test_a_slider_changes_the_weights_of_the_running_training(
    qtbot: Any, panel: TrainingPanel, session: Session, runs: list[Any]
) -> None:
    from napari_em_autoclass.core.run_settings import load_recipe

    learn(qtbot, panel, session)
    runs[0].settings = load_recipe("neighbour-forecast")
    panel.sliders.raise_aim("balance")
    assert {term.kind: term.weight for term in runs[0].settings.terms}["balance"] == 2.0


def test_a_recipe_without_terms_has_no_sliders_and_no_time(panel: TrainingPanel) -> None:
    panel.recipe_box.setCurrentIndex(panel.recipe_box.findData("filters"))
    assert panel.aims_fold.isHidden()
    assert not panel.minutes_box.isEnabled()
    assert panel.wishes.seconds is None


def test_what_cannot_change_while_learning_is_disabled(qtbot: Any, panel: TrainingPanel, session: Session) -> None:
    learn(qtbot, panel, session)
    assert not panel.classes_box.isEnabled()
    assert panel.sliders.isEnabled()


def test_bars_take_the_colours_of_the_classes(panel: TrainingPanel) -> None:
    panel.set_class_colors(ClassMap.fresh(4).merge([1, 2]))
    assert panel.curves._brushes[0] == panel.curves._brushes[1]


def test_after_a_run_the_button_offers_to_learn_more_until_the_classes_change(
    qtbot: Any, panel: TrainingPanel, session: Session, tmp_path: Any
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "weights.safetensors").touch()
    session.start(panel.wishes, folder)
    qtbot.waitUntil(lambda: session.state is RunState.LEARNING, timeout=3000)
    session.stop()
    qtbot.waitUntil(lambda: session.state is RunState.IDLE, timeout=3000)
    assert panel.learn_button.text() == "Learn more"
    panel.classes_box.setValue(21)
    assert panel.learn_button.text() == "Learn"
