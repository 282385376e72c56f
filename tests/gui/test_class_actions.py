"""Every deed by key, in the menu, and in the list of keys."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMenu, QMessageBox, QTableView, QVBoxLayout, QWidget

from napari_em_autoclass.gui.class_actions import DEEDS, ClassActions, keys_text

NAMES = [deed.name for deed in DEEDS]


@pytest.fixture
def done() -> list[Any]:
    return []


@pytest.fixture
def panel(qtbot: Any, done: list[Any]) -> QWidget:
    window = QWidget()
    view, other = QTableView(), QWidget()
    other.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    layout = QVBoxLayout(window)
    layout.addWidget(view)
    layout.addWidget(other)
    do = {name: (lambda name=name: done.append(name)) for name in (*NAMES, "undo", "redo")}
    window.view, window.other = view, other
    window.made = ClassActions(window, view, {**do, "split": lambda n: done.append(n)})
    window.made.enable(2, True, True)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    window.activateWindow()
    return window


def test_letters_act_where_the_list_has_the_focus_and_only_there(qtbot: Any, panel: QWidget, done: list[Any]) -> None:
    panel.view.setFocus()
    qtbot.waitUntil(panel.view.hasFocus, timeout=2000)
    qtbot.keyClick(panel.view, Qt.Key.Key_M)
    qtbot.keyClick(panel.view, Qt.Key.Key_3)
    assert done == ["merge", 3]
    panel.other.setFocus()
    qtbot.keyClick(panel.other, Qt.Key.Key_M)
    assert done == ["merge", 3]
    qtbot.keyClick(panel.other, Qt.Key.Key_S, Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.ShiftModifier)
    assert done == ["merge", 3, "solo"]


def test_what_makes_no_sense_is_not_offered(panel: QWidget) -> None:
    actions = panel.made
    actions.enable(0, False, False)
    assert {name for name, action in actions.by_name.items() if action.isEnabled()} == {
        "undo",
        "redo",
        "next",
        "previous",
        "unclear",
    }
    actions.enable(1, False, True)
    assert actions.by_name["rename"].isEnabled()
    assert not actions.by_name["merge"].isEnabled()
    assert all(action.isEnabled() for action in actions.splits)


def test_the_menu_holds_every_deed_with_its_key(panel: QWidget) -> None:
    menu = QMenu(panel)
    panel.made.fill(menu)
    shown = {action.text(): action.shortcut().toString() for action in menu.actions()}
    assert {deed.text: deed.key for deed in DEEDS if deed.name not in ("next", "previous")}.items() <= shown.items()
    assert "Split" in shown


def test_the_list_of_keys_has_them_all(qtbot: Any, panel: QWidget) -> None:
    assert all(f"<b>{deed.key}</b>" in keys_text() for deed in DEEDS)
    assert len({deed.key for deed in DEEDS}) == len(DEEDS)
    panel.made.show_keys()
    box = next(child for child in panel.children() if isinstance(child, QMessageBox))
    assert "Split" in box.text()
    box.close()
