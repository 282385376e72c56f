"""One widget per kind of setting: each shows a value, gives it back unchanged unless edited, and says when edited."""

from __future__ import annotations

import json
import types
from collections.abc import Callable
from typing import Any, Literal, Protocol, Union, cast, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from qtpy.QtCore import Qt
from qtpy.QtGui import QValidator, QWheelEvent
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QHBoxLayout, QLineEdit, QSpinBox, QWidget

from napari_em_autoclass.core.errors import InputError

__all__ = ["Editor", "FloatBox", "IntBox", "editor_for"]

_MAX_INT = 2**31 - 1
_DECIMALS = 12  # Qt rounds to these; shown are the digits that matter
_UNIT_WORDS = {"nm": "nanometres", "px": "pixels", "s": "seconds", "MB": "megabytes"}


class Editor(Protocol):
    """A widget for one value."""

    widget: QWidget

    def get(self) -> Any:
        """Return the value; raises InputError if what was typed is none."""

    def set(self, value: Any) -> None:
        """Show a value, without a call of `on_edited`."""


class IntBox(QSpinBox):
    """A spin box the mouse wheel passes over, or scrolling the dock would change settings."""

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Leave the wheel to the scroll area."""
        if event is not None:
            event.ignore()


class FloatBox(QDoubleSpinBox):
    """A box for floats of any size: shows 0.0001 as such, where Qt's own would show 0.00."""

    def __init__(self, digits: int = 8, parent: QWidget | None = None) -> None:
        self._digits = digits
        super().__init__(parent)
        self.setDecimals(_DECIMALS)

    def textFromValue(self, value: float) -> str:
        """Return as many digits as matter."""
        return f"{value:.{self._digits}g}"

    def valueFromText(self, text: str | None) -> float:
        """Return the number that was typed."""
        try:
            return float(_bare(text, self.suffix()))
        except ValueError:
            return self.value()

    def validate(self, text: str | None, position: int) -> tuple[QValidator.State, str, int]:
        """Let anything pass that is, or may become, a number in the range."""
        bare = _bare(text, self.suffix())
        try:
            inside = self.minimum() <= float(bare) <= self.maximum()
        except ValueError:
            typing = all(letter in "0123456789+-.eE" for letter in bare)
            return (QValidator.State.Intermediate if typing else QValidator.State.Invalid), text or "", position
        return (QValidator.State.Acceptable if inside else QValidator.State.Intermediate), text or "", position

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Leave the wheel to the scroll area."""
        if event is not None:
            event.ignore()


class _Box:
    """Editor on a widget with a value; the object that was set comes back as long as nobody edits."""

    def __init__(self, widget: QWidget, read: Callable[[], Any], write: Callable[[Any], None]) -> None:
        self.widget = widget
        self._read, self._write = read, write
        self._given: Any = None
        self._shown: Any = None

    def get(self) -> Any:
        now = self._read()
        return self._given if now == self._shown else now

    def set(self, value: Any) -> None:
        self.widget.blockSignals(True)
        self._write(value)
        self.widget.blockSignals(False)
        self._given, self._shown = value, self._read()


class _Optional:
    """A tick that says whether there is a value, and an editor for the value."""

    def __init__(self, inner: Editor, on_edited: Callable[[], None]) -> None:
        self._inner = inner
        self._tick = QCheckBox()
        self._tick.setToolTip("Without the tick: left open")
        self.widget = QWidget()
        row = QHBoxLayout(self.widget)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._tick)
        row.addWidget(inner.widget, 1)
        self._tick.toggled.connect(inner.widget.setEnabled)
        self._tick.toggled.connect(lambda _: on_edited())

    def get(self) -> Any:
        return self._inner.get() if self._tick.isChecked() else None

    def set(self, value: Any) -> None:
        self._tick.blockSignals(True)
        self._tick.setChecked(value is not None)
        self._tick.blockSignals(False)
        self._inner.widget.setEnabled(value is not None)
        if value is not None:
            self._inner.set(value)


def editor_for(annotation: Any, field: FieldInfo, on_edited: Callable[[], None]) -> Editor:
    """Return the widget for a field, with its bounds, step, unit, and its description as tooltip."""
    inner = _without_none(annotation)
    if inner is not None:
        editor: Editor = _Optional(editor_for(inner, field, on_edited), on_edited)
    elif annotation is bool:
        editor = _check_box(on_edited)
    elif annotation is int:
        editor = _number_box(IntBox(), field, on_edited)
    elif annotation is float:
        editor = _number_box(FloatBox(), field, on_edited)
    elif get_origin(annotation) is Literal:
        editor = _combo_box(get_args(annotation), on_edited)
    else:
        editor = _text_box(annotation, on_edited)
    editor.widget.setToolTip(tooltip_of(field))
    return editor


def tooltip_of(field: FieldInfo, unit: str = "") -> str:
    """Return the description of a field with its unit and bounds, wrapped by Qt.

    `unit` is used where the field itself names none.
    """
    unit = _extra(field).get("unit") or unit
    described = f"{field.description or ''}{f' In {_UNIT_WORDS.get(unit, unit)}.' if unit else ''}"
    low, high = _bounds(field)
    if low is None or high is None:
        return f"<qt>{described}</qt>"
    above = "above " if low[1] else ""
    below = "below " if high[1] else ""
    return f"<qt>{described}<br><i>From {above}{low[0]:,.12g} to {below}{high[0]:,.12g}.</i></qt>"


def _check_box(on_edited: Callable[[], None]) -> Editor:
    box = QCheckBox()
    box.toggled.connect(lambda _: on_edited())
    return _Box(box, box.isChecked, box.setChecked)


def _number_box(box: IntBox | FloatBox, field: FieldInfo, on_edited: Callable[[], None]) -> Editor:
    low, high = _bounds(field)
    extra = _extra(field)
    is_int = isinstance(box, IntBox)
    step = extra.get("step") or _multiple(field) or (1 if is_int else 0.1)
    edge = 1 if is_int else 10.0**-_DECIMALS  # what "greater than" means for a box
    low_limit = -_MAX_INT if low is None else low[0] + (edge if low[1] else 0)
    high_limit = _MAX_INT if high is None else high[0] - (edge if high[1] else 0)
    kind: type[int] | type[float] = int if is_int else float
    set_range, set_step = cast(
        "tuple[Callable[[Any, Any], None], Callable[[Any], None]]", (box.setRange, box.setSingleStep)
    )
    set_range(kind(max(low_limit, -_MAX_INT)), kind(min(high_limit, _MAX_INT)))
    set_step(kind(step))
    box.setKeyboardTracking(False)
    box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    if extra.get("unit"):
        box.setSuffix(f" {extra['unit']}")
    box.valueChanged.connect(lambda _: on_edited())
    return _Box(box, box.value, box.setValue)


def _combo_box(choices: tuple[Any, ...], on_edited: Callable[[], None]) -> Editor:
    box = QComboBox()
    box.addItems([str(choice) for choice in choices])
    box.currentIndexChanged.connect(lambda _: on_edited())
    return _Box(box, lambda: choices[box.currentIndex()], lambda value: box.setCurrentIndex(choices.index(value)))


def _text_box(annotation: Any, on_edited: Callable[[], None]) -> Editor:
    """Return a line that takes JSON: lists of numbers without their brackets, words without quotes."""
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    box = QLineEdit()
    box.editingFinished.connect(on_edited)

    def read() -> Any:
        text = box.text().strip()
        for attempt in (f"[{text}]", text, json.dumps(text)):
            try:
                return adapter.validate_json(attempt)
            except ValidationError:
                continue
        raise InputError(f"{text!r} can't be used here; write it as it was, e.g. numbers with commas between")

    def write(value: Any) -> None:
        text = adapter.dump_json(value).decode()
        box.setText(text[1:-1].replace(",", ", ") if text[:1] in '["' else text)

    return _Box(box, read, write)


def _without_none(annotation: Any) -> Any:
    """Return T for ``T | None``, else None."""
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [kind for kind in get_args(annotation) if kind is not type(None)]
        if len(rest) == 1 and len(get_args(annotation)) == 2:
            return rest[0]
    return None


def _bounds(field: FieldInfo) -> tuple[tuple[float, bool] | None, tuple[float, bool] | None]:
    """Return (limit, whether it is excluded) for both ends."""
    low = high = None
    for rule in field.metadata:
        for name in ("ge", "gt"):
            low = (getattr(rule, name), name == "gt") if getattr(rule, name, None) is not None else low
        for name in ("le", "lt"):
            high = (getattr(rule, name), name == "lt") if getattr(rule, name, None) is not None else high
    return low, high


def _multiple(field: FieldInfo) -> float | None:
    found = [rule.multiple_of for rule in field.metadata if getattr(rule, "multiple_of", None) is not None]
    return found[0] if found else None


def _extra(field: FieldInfo) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _bare(text: str | None, suffix: str) -> str:
    return (text or "").removesuffix(suffix).strip()
