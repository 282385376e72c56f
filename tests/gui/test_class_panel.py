"""Naming, colouring, merging in the list of classes."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog

from napari_em_autoclass.core.class_map import ClassMap, History
from napari_em_autoclass.core.class_splits import with_split
from napari_em_autoclass.core.split import FoundParts
from napari_em_autoclass.gui.class_columns import ID_ROLE, Column
from napari_em_autoclass.gui.class_panel import ClassPanel
from napari_em_autoclass.gui.decisions import Decisions
from napari_em_autoclass.gui.session import Session


@pytest.fixture
def decisions(qapp: Any) -> Decisions:
    made = Decisions(lambda history: None)
    made.begin(History.of(ClassMap.fresh(6)))
    return made


@pytest.fixture
def panel(qtbot: Any, session: Session, decisions: Decisions) -> ClassPanel:
    made = ClassPanel(session, decisions)
    qtbot.addWidget(made)
    decisions.changed.emit(decisions.class_map)
    made.resize(340, 300)
    made.show()
    yield made
    made.close_down()


def click(qtbot: Any, panel: ClassPanel, row: int, column: Column) -> None:
    rect = panel.view.visualRect(panel.rows.index(row, column))
    qtbot.mouseClick(panel.view.viewport(), Qt.MouseButton.LeftButton, pos=rect.center())


def ids(panel: ClassPanel) -> list[int]:
    return [panel.rows.index(row, Column.NAME).data(ID_ROLE) for row in range(panel.rows.rowCount())]


def test_the_eye_hides_a_class_and_shows_it_again(qtbot: Any, panel: ClassPanel, decisions: Decisions) -> None:
    click(qtbot, panel, 1, Column.EYE)
    assert not decisions.class_map.is_visible(2)
    click(qtbot, panel, 1, Column.EYE)
    assert decisions.class_map.is_visible(2)


def test_selected_rows_are_merged_and_taken_apart(qtbot: Any, panel: ClassPanel, decisions: Decisions) -> None:
    assert not panel.merge_button.isEnabled()
    panel.select((2, 5, 6))
    qtbot.mouseClick(panel.merge_button, Qt.MouseButton.LeftButton)
    assert decisions.class_map.members(2) == (2, 5, 6)
    assert ids(panel) == [1, 2, 3, 4]
    assert panel.selected_ids() == (2,)
    assert panel.unmerge_button.isEnabled()
    qtbot.mouseClick(panel.unmerge_button, Qt.MouseButton.LeftButton)
    assert decisions.class_map == ClassMap.fresh(6)


def test_undo_and_redo_walk_through_the_decisions(qtbot: Any, panel: ClassPanel, decisions: Decisions) -> None:
    assert not panel.undo_button.isEnabled()
    panel.table.renamed.emit(3, "axon")
    panel.undo_button.click()
    assert decisions.class_map == ClassMap.fresh(6)
    panel.redo_button.click()
    assert decisions.class_map.name_of(3) == "axon"
    assert not panel.redo_button.isEnabled()


def test_a_click_on_the_swatch_changes_the_colour(
    qtbot: Any, panel: ClassPanel, decisions: Decisions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QColorDialog, "getColor", lambda *_: QColor("#123456"))
    click(qtbot, panel, 0, Column.COLOR)
    assert decisions.class_map.color_of(1) == "#123456"


def test_a_refused_merge_is_one_sentence(qtbot: Any, panel: ClassPanel, decisions: Decisions, session: Session) -> None:
    decisions.do(decisions.class_map.lock([2]))
    panel.select((1, 2))
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: "locked" in text and error):
        panel.merge_button.click()


def test_the_probability_sign_asks_for_a_layer(qtbot: Any, panel: ClassPanel) -> None:
    wants = lambda shown_ids: shown_ids == frozenset({4})  # noqa: E731
    with qtbot.waitSignal(panel.probabilities_wanted, check_params_cb=wants):
        click(qtbot, panel, 3, Column.PROBABILITY)


def test_search_leaves_the_rows_that_match(panel: ClassPanel, decisions: Decisions) -> None:
    decisions.do(decisions.class_map.rename(2, "Mitochondria"))
    panel.search.setText("mito")
    assert ids(panel) == [2]


def test_sorting_by_share_puts_the_largest_first_and_numbers_in_order(
    panel: ClassPanel, runs: list[Any], fake_run: Any
) -> None:
    panel.table.set_shares((0.1, 0.3, 0.05, 0.25, 0.2, 0.1))
    panel.view.sortByColumn(Column.SHARE, Qt.SortOrder.DescendingOrder)
    assert ids(panel)[:3] == [2, 4, 5]
    panel.view.sortByColumn(Column.NAME, Qt.SortOrder.AscendingOrder)
    assert ids(panel) == [1, 2, 3, 4, 5, 6]


def test_shares_follow_the_training(qtbot: Any, panel: ClassPanel, decisions: Decisions, fake_run: Any) -> None:
    decisions.begin(History.of(ClassMap.fresh(4)))
    panel.on_event(fake_run().started())
    panel.on_event(fake_run().step(1))
    qtbot.waitUntil(lambda: panel.table.share_of(1) == 0.4, timeout=2000)


def test_of_254_classes_an_edit_touches_only_the_rows_it_changes(panel: ClassPanel, decisions: Decisions) -> None:
    decisions.begin(History.of(ClassMap.fresh(254)))
    told: list[tuple[int, int]] = []
    panel.table.dataChanged.connect(lambda top, bottom, *_: told.append((top.row(), bottom.row())))
    panel.table.modelReset.connect(lambda: told.append((-1, -1)))
    panel.edits.toggle_eyes((9,))
    assert told == [(8, 8)]
    told.clear()
    panel.select((3, 200, 254))
    panel.merge_button.click()
    assert panel.rows.rowCount() == 252
    assert told == [(2, 2)]
    told.clear()
    panel.unmerge_button.click()
    assert told == [(2, 2), (199, 199), (253, 253)]
    assert panel.selected_ids() == (3,)


def test_parts_that_are_gone_after_an_undo_are_no_longer_selected(panel: ClassPanel, decisions: Decisions) -> None:
    found = FoundParts(2, ((0.0,), (1.0,)), 1.0, "student@1")
    decisions.do(with_split(decisions.class_map, found))
    panel.select((7, 8))
    assert panel.selected_ids() == (7, 8)
    panel.undo_button.click()
    assert ids(panel) == [1, 2, 3, 4, 5, 6]
    assert panel.selected_ids() == ()


def test_a_preview_shows_in_the_list_and_an_edit_there_decides_for_it(
    qtbot: Any, panel: ClassPanel, decisions: Decisions
) -> None:
    decisions.preview(decisions.class_map.merge([2, 5]).merge([3, 4]))
    assert ids(panel) == [1, 2, 3, 6]
    panel.select((2, 3))
    panel.merge_button.click()
    assert decisions.class_map.members(2) == (2, 3, 4, 5)
    assert len(decisions.history.past) == 1
    decisions.preview(ClassMap.fresh(6))
    decisions.preview(None)
    assert ids(panel) == [1, 2, 6]
