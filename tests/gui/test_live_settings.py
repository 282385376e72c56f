"""Sliders, form and run say the same, and remedies move them."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt

from napari_em_autoclass.core.run_settings import RunSettings, apply_setting, load_recipe
from napari_em_autoclass.gui.health import LOWER, RAISE, SHIFT, SLOWER, STOP, Remedy
from napari_em_autoclass.gui.session import RunState, Session
from napari_em_autoclass.gui.training_panel import TrainingPanel
from napari_em_autoclass.gui.wishes import with_live_parts


@pytest.fixture(scope="module")
def recipe() -> RunSettings:
    return load_recipe("neighbour-forecast")


@pytest.fixture
def panel(qtbot: Any, session: Session) -> TrainingPanel:
    made = TrainingPanel(session)
    qtbot.addWidget(made)
    session.happened.connect(made.on_event)
    yield made
    made.close_down()


def learn(qtbot: Any, panel: TrainingPanel, session: Session, runs: list[Any], recipe: RunSettings) -> Any:
    qtbot.mouseClick(panel.learn_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: session.state is RunState.LEARNING, timeout=3000)
    runs[0].settings = recipe
    return runs[0]


def open_form(qtbot: Any, panel: TrainingPanel) -> Any:
    panel.advanced_fold.set_open(True)
    qtbot.waitUntil(lambda: panel.advanced.form is not None, timeout=20_000)
    return panel.advanced.form


def weights(settings: RunSettings) -> dict[str, float]:
    return {term.kind: term.weight for term in settings.terms}


def test_any_term_can_be_weighed_from_the_form_while_learning(
    qtbot: Any, panel: TrainingPanel, session: Session, runs: list[Any], recipe: RunSettings
) -> None:
    form = open_form(qtbot, panel)
    run = learn(qtbot, panel, session, runs, recipe)
    form.editor_at("terms.neighbour_information.weight").widget.setValue(1.25)
    qtbot.waitUntil(lambda: weights(run.settings)["neighbour_information"] == 1.25, timeout=3000)
    assert {**weights(run.settings), "neighbour_information": 0.3} == weights(recipe)  # its aim's other terms stay
    assert panel.sliders.weights["neighbour_information"] == 1.25
    assert panel.wishes.advanced is None  # weights alone are no settings of one's own: Learn goes on


def test_a_slider_moves_the_form_and_the_run(
    qtbot: Any, panel: TrainingPanel, session: Session, runs: list[Any], recipe: RunSettings
) -> None:
    form = open_form(qtbot, panel)
    run = learn(qtbot, panel, session, runs, recipe)
    panel.sliders.raise_aim("balance")
    assert form.editor_at("terms.balance.weight").get() == 2.0
    assert weights(run.settings)["balance"] == 2.0


def test_while_learning_only_what_may_change_can_be_edited(
    qtbot: Any, panel: TrainingPanel, session: Session, runs: list[Any], recipe: RunSettings
) -> None:
    form = open_form(qtbot, panel)
    run = learn(qtbot, panel, session, runs, recipe)
    paths = (
        "seed",
        "tiles.size_px",
        "classifier.width",
        "views.noise",
        "training.learning_rate",
        "terms.balance.start",
    )
    assert [form.editor_at(path).widget.isEnabled() for path in paths] == [False, False, False, True, True, True]
    form.editor_at("views.noise").widget.setValue(0.5)
    qtbot.waitUntil(lambda: run.settings.views.noise == 0.5, timeout=3000)
    assert run.settings.training == recipe.training
    session.stop()
    qtbot.waitUntil(lambda: session.state is RunState.IDLE, timeout=3000)
    assert all(form.editor_at(path).widget.isEnabled() for path in paths)


@pytest.mark.parametrize(("remedy", "kind", "factor"), [(RAISE, "balance", 2.0), (LOWER, "neighbour_information", 0.5)])
def test_a_remedy_moves_a_slider_that_can_be_seen(
    panel: TrainingPanel, remedy: Remedy, kind: str, factor: float
) -> None:
    before = panel.sliders.weights[kind]
    panel.live.cure(remedy)
    assert panel.aims_fold.is_open
    assert panel.sliders.weights[kind] == pytest.approx(factor * before)


def test_a_slider_at_its_end_is_told(qtbot: Any, panel: TrainingPanel, session: Session) -> None:
    for _ in range(2):
        panel.live.cure(RAISE)
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, _: "fewer classes" in text):
        panel.live.cure(RAISE)


@pytest.mark.parametrize(
    ("remedy", "path", "value"),
    [
        (SLOWER, "training.learning_rate", 1e-3),
        (SHIFT, "tiles.shift_nm", 320.0),
        (Remedy("tiles", "Keep 3", "", number=3), "training.tiles_per_step", 3),
    ],
    ids=lambda value: getattr(value, "action", None),
)
def test_a_remedy_sets_what_is_folded_away_and_shows_it(
    qtbot: Any, panel: TrainingPanel, remedy: Remedy, path: str, value: float
) -> None:
    panel.live.cure(remedy)  # the form is not even loaded
    qtbot.waitUntil(lambda: panel.advanced.form is not None, timeout=20_000)
    editor = panel.advanced.form.editor_at(path)
    qtbot.waitUntil(lambda: editor.get() == value, timeout=3000)
    assert panel.advanced_fold.is_open
    assert not editor.widget.isHidden()
    assert panel.wishes.advanced == apply_setting(load_recipe("neighbour-forecast"), f"{path}={value}")


def test_learning_slower_reaches_the_run(
    qtbot: Any, panel: TrainingPanel, session: Session, runs: list[Any], recipe: RunSettings
) -> None:
    run = learn(qtbot, panel, session, runs, recipe)
    panel.live.cure(SLOWER)
    qtbot.waitUntil(lambda: run.settings.training.learning_rate == 1e-3, timeout=20_000)


def test_stopping_is_a_remedy(
    qtbot: Any, panel: TrainingPanel, session: Session, runs: list[Any], recipe: RunSettings
) -> None:
    learn(qtbot, panel, session, runs, recipe)
    panel.live.cure(STOP)
    qtbot.waitUntil(lambda: session.state is RunState.IDLE, timeout=3000)


def test_time_threads_and_weights_of_a_run_stay(recipe: RunSettings) -> None:
    run = apply_setting(apply_setting(recipe, "training.seconds=7"), "terms.balance.weight=3")
    edited = recipe.replace(training=recipe.training.replace(learning_rate=0.5, threads=9), seed=5)
    got = with_live_parts(run, edited)
    assert (got.training.seconds, got.training.threads, got.training.learning_rate) == (7.0, None, 0.5)
    assert (weights(got)["balance"], got.seed) == (3.0, 0)
