"""Widgets that come late get their place in the order of Tab; the frame knows when to go."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QComboBox, QLineEdit, QVBoxLayout, QWidget

from napari_em_autoclass.gui.focus import FocusFrame, tab_on_to


@pytest.fixture
def window(qtbot: Any) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    column = QVBoxLayout(made)
    made.first, made.place, made.last = QLineEdit(), QWidget(), QLineEdit()
    QVBoxLayout(made.place)
    for widget in (made.first, made.place, made.last):
        column.addWidget(widget)
    made.show()
    qtbot.waitExposed(made)
    made.activateWindow()
    return made


def add_late(window: QWidget) -> list[QWidget]:
    inside, box, field = QWidget(), QComboBox(), QLineEdit()
    column = QVBoxLayout(inside)
    box.addItem("one")
    box.view()  # its list is a window of its own
    for widget in (box, field):
        column.addWidget(widget)
    window.place.layout().addWidget(inside)
    tab_on_to(inside)
    inside.show()
    return [box, field]


def test_what_comes_late_is_reached_where_it_stands(qtbot: Any, window: QWidget) -> None:
    late = add_late(window)
    window.first.setFocus()
    reached = []
    for _ in range(3):
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        reached.append(QApplication.focusWidget())
    assert reached == [*late, window.last]


def test_the_frame_is_for_the_keyboard_and_inside_its_area(qtbot: Any, window: QWidget) -> None:
    frame = FocusFrame(window.place)
    late = add_late(window)
    window.first.setFocus()
    assert frame.frame is None
    qtbot.keyClick(window.first, Qt.Key.Key_Tab)
    assert frame.frame.geometry().contains(late[0].geometry())
    qtbot.keyClick(late[0], Qt.Key.Key_Tab)
    assert frame.frame.geometry().contains(late[1].geometry())
    qtbot.keyClick(late[1], Qt.Key.Key_Tab)
    assert frame.frame is None  # the focus has left the area
    frame.close_down()


def test_a_framed_widget_that_is_deleted_takes_its_frame_along(qtbot: Any, window: QWidget) -> None:
    frame = FocusFrame(window)
    late = add_late(window)
    window.first.setFocus()
    qtbot.keyClick(window.first, Qt.Key.Key_Tab)
    with qtbot.waitSignal(frame.frame.destroyed, timeout=3000):
        late[0].parentWidget().deleteLater()
    window.last.setFocus()
    qtbot.keyClick(window.last, Qt.Key.Key_Tab)
    assert frame.frame.geometry().contains(window.first.geometry())
    frame.close_down()
