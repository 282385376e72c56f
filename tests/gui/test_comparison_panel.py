"""Start, rows, stop, and that nobody learns meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_em_autoclass.core.comparison.comparer import ComparisonEnded, RecipeBegun, RecipeDone, RecipeScored
from napari_em_autoclass.core.comparison.rows import RecipeRow
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import StepDone
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.comparison import ComparedMap, ComparisonOrder
from napari_em_autoclass.gui.comparison_panel import ComparisonPanel
from napari_em_autoclass.gui.session import RunState, Session
from napari_em_autoclass.gui.wishes import Wishes


class FakeComparer:
    """Answers like a comparison, as fast as it is asked; waits in its second recipe if `endless`."""

    def __init__(self, order: ComparisonOrder, endless: bool = False) -> None:
        self.order, self.endless = order, endless
        self.run_id, self.settings, self.view, self.is_paused = "fake", None, None, False
        self.stopped = False

    def stop(self) -> None:
        self.stopped = True

    def events(self) -> Iterator[Any]:
        shape = self.order.volume.shape_zyx[1:]
        for number, recipe in enumerate(self.order.recipes, start=1):
            yield RecipeBegun("fake", recipe, number, len(self.order.recipes))
            yield StepDone("fake", 5, 0.5, 1.0, (), 1.0, 3.0, (0.5, 0.5))
            while self.endless and number == 2 and not self.stopped:
                time.sleep(0.002)
            if self.stopped:
                break
            yield RecipeScored("fake", recipe, 0.5)
            row = RecipeRow(recipe, "finished", "", {"csev": number / 10, "effective_classes": 3.0})
            yield RecipeDone("fake", row, np.full(shape, 1 + number, np.uint8))
        yield ComparisonEnded("fake", self.stopped)


@pytest.fixture
def opened() -> list[FakeComparer]:
    return []


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def make_panel(qtbot: Any, session: Session, viewer: ViewerModel, opened: list[FakeComparer]) -> Iterator[Any]:
    made: list[ComparisonPanel] = []

    def make(endless: bool = False, failure: Exception | None = None) -> ComparisonPanel:
        def open_run(order: ComparisonOrder) -> FakeComparer:
            if failure is not None:
                raise failure
            opened.append(FakeComparer(order, endless))
            return opened[-1]

        panel = ComparisonPanel(session, viewer, open_run)
        qtbot.addWidget(panel)
        panel.table.tick(lambda card: card.name in ("neighbour-forecast", "filters"))
        made.append(panel)
        return panel

    yield make
    for panel in made:
        panel.close_down()


def ended(qtbot: Any, session: Session) -> None:
    qtbot.waitUntil(lambda: session.state is RunState.IDLE, timeout=5000)


def test_the_table_fills_and_a_click_shows_the_map(
    qtbot: Any, make_panel: Callable[..., ComparisonPanel], session: Session, opened: list[FakeComparer]
) -> None:
    panel = make_panel()
    panel.classes_box.setValue(7)
    panel.seconds_box.setValue(9)
    panel.start_button.click()
    assert session.state is RunState.COMPARING
    ended(qtbot, session)
    order = opened[0].order
    assert (order.recipes, order.n_classes, order.seconds) == (("neighbour-forecast", "filters"), 7, 9)
    assert [panel.table.item(row, 2).text() for row in (0, 1)] != ["", ""]
    maps: list[ComparedMap] = []
    panel.map_wanted.connect(maps.append)
    panel.table.recipe_clicked.emit("filters")
    panel.table.recipe_clicked.emit("prediction-only")  # was not run
    assert [compared.z for compared in maps] == [2]
    assert panel.start_button.isEnabled()


def test_stop_keeps_the_rows_that_are_there(
    qtbot: Any, make_panel: Callable[..., ComparisonPanel], session: Session, opened: list[FakeComparer]
) -> None:
    panel = make_panel(endless=True)
    panel.start()
    qtbot.waitUntil(lambda: bool(panel._rows), timeout=5000)
    assert panel.stop_button.isEnabled()
    assert not panel.start_button.isEnabled()
    panel.stop_button.click()
    ended(qtbot, session)
    assert opened[0].stopped
    assert list(panel._rows) == ["neighbour-forecast"]


def test_while_a_training_is_under_way_nothing_is_compared_and_it_says_so(
    qtbot: Any, make_panel: Callable[..., ComparisonPanel], session: Session, opened: list[FakeComparer], tmp_path: Any
) -> None:
    panel = make_panel()
    session.start(Wishes(), tmp_path / "run")
    qtbot.waitUntil(lambda: session.state is RunState.LEARNING, timeout=3000)
    assert not panel.start_button.isEnabled()
    assert "training is under way" in panel.status.text()
    panel.start()
    assert opened == []
    session.stop()
    ended(qtbot, session)
    assert panel.start_button.isEnabled()
    assert panel.status.text() == ""


def test_while_comparing_nothing_is_learned_and_the_sessions_stop_ends_it(
    qtbot: Any, make_panel: Callable[..., ComparisonPanel], session: Session, runs: list[Any], tmp_path: Any
) -> None:
    panel = make_panel(endless=True)
    panel.start()
    session.start(Wishes(), tmp_path / "run")
    assert runs == []
    session.stop()
    ended(qtbot, session)
    assert panel.start_button.isEnabled()


def test_another_stack_ends_the_comparison_and_its_maps_are_not_shown_on_it(
    qtbot: Any, make_panel: Callable[..., ComparisonPanel], session: Session
) -> None:
    panel = make_panel(endless=True)
    panel.start()
    qtbot.waitUntil(lambda: bool(panel._rows), timeout=5000)
    session.use(Volume(np.zeros((5, 9, 9), np.uint8), (50.0, 4.0, 4.0), "other"))
    ended(qtbot, session)
    with qtbot.assertNotEmitted(panel.map_wanted):
        panel.table.recipe_clicked.emit("neighbour-forecast")


def test_an_error_is_one_sentence(qtbot: Any, make_panel: Callable[..., ComparisonPanel], session: Session) -> None:
    panel = make_panel(failure=InputError("labels and stack differ in shape"))
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: error and "differ" in text, timeout=5000):
        panel.start()
    ended(qtbot, session)
    assert panel.start_button.isEnabled()


def test_label_layers_of_the_stacks_shape_can_be_the_truth(
    qtbot: Any,
    make_panel: Callable[..., ComparisonPanel],
    session: Session,
    viewer: ViewerModel,
    opened: list[FakeComparer],
) -> None:
    panel = make_panel()
    assert session.volume is not None
    viewer.add_labels(np.ones(session.volume.shape_zyx, np.uint8), name="truth")
    viewer.add_labels(np.ones((2, 3, 4), np.uint8), name="of another stack")
    assert [panel.truth_box.itemText(i) for i in range(panel.truth_box.count())] == ["none", "truth"]
    panel.truth_box.setCurrentIndex(1)
    panel.start()
    ended(qtbot, session)
    assert opened[0].order.labels is viewer.layers["truth"].data


def test_nothing_ticked_is_nothing_to_start(make_panel: Callable[..., ComparisonPanel]) -> None:
    panel = make_panel()
    panel.none_button.click()
    assert not panel.start_button.isEnabled()
    panel.all_button.click()
    assert panel.start_button.isEnabled()
