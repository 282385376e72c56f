"""Boxes that neither lose digits nor jump under the wheel."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field
from pydantic.fields import FieldInfo
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QValidator, QWheelEvent
from qtpy.QtWidgets import QApplication, QComboBox

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.gui.editors import FloatBox, IntBox, editor_for, tooltip_of

FIELD = FieldInfo(description="What it does.")


def nothing() -> None: ...


def test_a_tooltip_says_unit_and_bounds() -> None:
    bounded = FieldInfo.from_annotation(Annotated[float, Field(gt=0, le=10_000, description="How far.")])
    assert tooltip_of(bounded, "nm") == "<qt>How far. In nanometres.<br><i>From above 0 to 10,000.</i></qt>"
    assert tooltip_of(FIELD) == "<qt>What it does.</qt>"


@pytest.mark.parametrize("value", [0.0001, 1e-9, 0.1 + 0.2, 123456.789])
def test_a_float_box_shows_what_it_holds(qtbot: Any, value: float) -> None:
    box = FloatBox()
    qtbot.addWidget(box)
    box.setRange(0, 1e9)
    box.setValue(value)
    assert float(box.text()) == pytest.approx(value, rel=1e-7)


def test_a_float_box_lets_a_number_be_typed_and_nothing_else(qtbot: Any) -> None:
    box = FloatBox()
    qtbot.addWidget(box)
    box.setRange(0, 10)
    box.setSuffix(" nm")
    states = {text: box.validate(text, 0)[0] for text in ("5 nm", "1e-", "50 nm", "five")}
    assert states["5 nm"] == QValidator.State.Acceptable
    assert states["1e-"] == QValidator.State.Intermediate
    assert states["50 nm"] == QValidator.State.Intermediate
    assert states["five"] == QValidator.State.Invalid
    assert box.valueFromText("five") == box.value()


@pytest.mark.parametrize("make", [IntBox, FloatBox])
def test_the_wheel_passes_over_a_box(qtbot: Any, make: Any) -> None:
    box = make()
    qtbot.addWidget(box)
    box.setValue(5)
    wheel = QWheelEvent(
        QPointF(2, 2), QPointF(2, 2), QPoint(0, 0), QPoint(0, 120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(box, wheel)
    assert box.value() == 5


def test_setting_a_value_is_no_edit(qtbot: Any) -> None:
    edits: list[int] = []
    editor = editor_for(int, FIELD, lambda: edits.append(1))
    qtbot.addWidget(editor.widget)
    editor.set(7)
    assert (editor.get(), edits) == (7, [])
    editor.widget.setValue(8)
    assert (editor.get(), edits) == (8, [1])


def test_choices_are_a_list(qtbot: Any) -> None:
    editor = editor_for(Literal["auto", "cpu"], FIELD, nothing)
    qtbot.addWidget(editor.widget)
    assert isinstance(editor.widget, QComboBox)
    editor.set("cpu")
    assert editor.get() == "cpu"


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [(tuple[float, ...], (20.0, 45.0), "20.0, 45.0"), (str, "a b", "a b"), (tuple[int, int], (3, 4), "3, 4")],
)
def test_lists_and_words_are_lines_of_text(qtbot: Any, kind: Any, value: Any, text: str) -> None:
    editor = editor_for(kind, FIELD, nothing)
    qtbot.addWidget(editor.widget)
    editor.set(value)
    assert editor.widget.text() == text
    editor.widget.setText(text)
    assert editor.get() == value


def test_text_that_means_nothing_is_refused(qtbot: Any) -> None:
    editor = editor_for(tuple[float, ...], FIELD, nothing)
    qtbot.addWidget(editor.widget)
    editor.widget.setText("20; 45")
    with pytest.raises(InputError, match="20; 45"):
        editor.get()


def test_the_description_is_the_tooltip(qtbot: Any) -> None:
    editor = editor_for(bool, FIELD, nothing)
    qtbot.addWidget(editor.widget)
    assert "What it does." in editor.widget.toolTip()
