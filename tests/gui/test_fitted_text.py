"""Texts are shown whole or end in dots."""

from __future__ import annotations

from typing import Any

import pytest
from napari._qt.qt_resources import get_stylesheet
from qtpy.QtCore import QRect, Qt
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_em_autoclass.gui.fitted_text import ElidedBox, ElidedLabel, WrappedLabel

LONG = "neuropil of the second instar, like serial-section TEM (time point 1)"


@pytest.fixture
def room(qtbot: Any) -> QWidget:
    """A window in napari's style."""
    made = QWidget()
    made.setStyleSheet(get_stylesheet("dark"))
    QVBoxLayout(made)
    qtbot.addWidget(made)
    return made


def widths(room: QWidget, *widgets: QWidget) -> range:
    for widget in widgets:
        room.layout().addWidget(widget)
    room.show()
    return range(60, 600, 7)


def test_a_label_never_draws_more_than_it_has_room_for(qtbot: Any, room: QWidget) -> None:
    label = ElidedLabel(LONG)
    for width in widths(room, label):
        room.resize(width, 100)
        qtbot.waitUntil(lambda width=width: room.width() == width)
        drawn = QLabel.text(label)
        indent = label.fontMetrics().horizontalAdvance("x") // 2  # Qt's, in a label with a frame
        assert label.fontMetrics().horizontalAdvance(drawn) <= label.contentsRect().width() - indent
        assert drawn == LONG or drawn.endswith("…")
    assert label.text() == LONG


def test_a_label_is_shortened_anew_in_bold(qtbot: Any, room: QWidget) -> None:
    label = ElidedLabel(LONG)
    widths(room, label)
    room.resize(200, 60)
    qtbot.waitUntil(lambda: 150 < label.width() < 200)
    plain = QLabel.text(label)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    assert len(QLabel.text(label)) < len(plain)


def test_a_box_shortens_what_is_chosen_and_keeps_it(qtbot: Any, room: QWidget) -> None:
    box = ElidedBox()
    box.addItems(["short", LONG])
    widths(room, box)
    room.resize(200, 60)
    assert box.shown_text() == "short"
    box.setCurrentIndex(1)
    assert "…" in box.shown_text()
    assert box.shown_text()[-4:] == LONG[-4:]
    assert box.currentText() == LONG
    box.setPlaceholderText("choose")
    box.setCurrentIndex(-1)
    assert box.shown_text() == "choose"
    assert not box.grab().isNull()


def test_wrapped_words_get_the_lines_they_need(qtbot: Any, room: QWidget) -> None:
    label = WrappedLabel(least_lines=2)
    for width in widths(room, label):
        label.setText(LONG)
        room.resize(width, 20)
        needed = label.fontMetrics().boundingRect(
            QRect(0, 0, label.contentsRect().width(), 10_000), Qt.TextFlag.TextWordWrap.value, LONG
        )
        assert label.minimumHeight() >= needed.height()
        label.setText("")
        assert label.minimumHeight() >= 2 * label.fontMetrics().lineSpacing()


def test_one_line_takes_no_less_room_than_two(qtbot: Any, room: QWidget) -> None:
    label = WrappedLabel("one", least_lines=2)
    widths(room, label)
    room.resize(200, 20)
    one = label.minimumHeight()
    label.setText("one\ntwo")
    assert label.minimumHeight() == one
