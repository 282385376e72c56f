"""Any Settings object as widgets, and back: generated, so that no setting stands in two places."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_em_autoclass.core.settings import Settings
from napari_em_autoclass.gui.editors import Editor, editor_for, tooltip_of
from napari_em_autoclass.gui.fold import Fold

__all__ = ["SettingsForm"]


class SettingsForm(QWidget):
    """A row per field; settings inside settings fold to their title; tuples of settings become a fold each.

    Parameters
    ----------
    settings : shown at first
    hidden : paths of fields that get no widget, such as ``training.seconds`` or, for a term by its kind,
        ``terms.balance.weight``; they keep their value
    """

    changed = Signal()

    def __init__(self, settings: Settings, hidden: frozenset[str] = frozenset(), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._editors: dict[str, Editor] = {}
        self._parts: dict[str, SettingsForm | list[SettingsForm]] = {}
        self._widgets: dict[str, list[QWidget]] = {}  # by field
        self._rows = QFormLayout()
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setVerticalSpacing(3)
        self._rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self._rows.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        self._folds = QVBoxLayout()
        self._folds.setContentsMargins(0, 0, 0, 0)
        self._folds.setSpacing(2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(self._rows)
        layout.addLayout(self._folds)
        for name in type(settings).model_fields:
            if name not in hidden:
                self._add(name, getattr(settings, name), _below(name, hidden))

    @property
    def value(self) -> Settings:
        """The settings as edited, equal to those shown as long as nobody edits.

        Raises
        ------
        InputError
            If what was typed is out of bounds; the message says which setting.
        """
        changes: dict[str, Any] = {name: editor.get() for name, editor in self._editors.items()}
        for name, part in self._parts.items():
            changes[name] = tuple(form.value for form in part) if isinstance(part, list) else part.value
        return self._settings.replace(**changes)

    def editor_at(self, path: str) -> Editor:
        """Return the editor of ``training.learning_rate`` or, for a term by its kind, ``terms.balance.weight``.

        Raises
        ------
        KeyError
            If there is none.
        """
        name, _, rest = path.partition(".")
        if not rest:
            return self._editors[name]
        part = self._parts[name]
        if isinstance(part, SettingsForm):
            return part.editor_at(rest)
        kind, _, rest = rest.partition(".")
        for form in part:
            if form.kind == kind:
                return form.editor_at(rest)
        raise KeyError(path)

    def reveal(self, path: str) -> None:
        """Unfold what `editor_at` of this path is folded into."""
        name, _, rest = path.partition(".")
        part = self._parts.get(name)
        for form in part if isinstance(part, list) else [part] if part is not None else []:
            kind, _, below = rest.partition(".")
            if isinstance(part, list) and form.kind != kind:
                continue
            fold = form.parentWidget()
            if isinstance(fold, Fold):
                fold.set_open(True)
            form.reveal(below if isinstance(part, list) else rest)

    def enable_only(self, names: Collection[str] | None) -> None:
        """Let only these fields of this level be edited, with all that is in them; None is all."""
        for name, widgets in self._widgets.items():
            for widget in widgets:
                widget.setEnabled(names is None or name in names)

    @property
    def kind(self) -> str:
        """The kind of a term, "" of other settings."""
        return str(getattr(self._settings, "kind", ""))

    @property
    def editors(self) -> dict[str, Editor]:
        """The editors of this level by field."""
        return dict(self._editors)

    @property
    def parts(self) -> dict[str, SettingsForm | list[SettingsForm]]:
        """The forms inside by field."""
        return dict(self._parts)

    def _add(self, name: str, value: Any, hidden: frozenset[str]) -> None:
        field = type(self._settings).model_fields[name]
        if isinstance(value, Settings):
            self._parts[name] = self._add_part(name, words(name), value, hidden)
        elif isinstance(value, tuple) and value and all(isinstance(item, Settings) for item in value):
            self._parts[name] = [self._add_item(name, getattr(item, "kind", name), item, hidden) for item in value]
        elif not _is_fixed(field.annotation, value):
            editor = editor_for(field.annotation, field, self.changed.emit)
            editor.set(value)
            tooltip = tooltip_of(field, _split_unit(name)[1])
            editor.widget.setToolTip(tooltip)
            editor.widget.setAccessibleName(words(name))
            editor.widget.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            editor.widget.setMinimumWidth(70)
            label = QLabel(_label(name, field))
            label.setToolTip(tooltip)
            self._editors[name] = editor
            self._widgets[name] = [label, editor.widget]
            self._rows.addRow(label, editor.widget)

    def _add_item(self, name: str, kind: str, settings: Settings, hidden: frozenset[str]) -> SettingsForm:
        return self._add_part(name, words(kind), settings, _below(kind, hidden))

    def _add_part(self, name: str, title: str, settings: Settings, hidden: frozenset[str]) -> SettingsForm:
        form = SettingsForm(settings, hidden)
        form.changed.connect(self.changed)
        fold = Fold(title, form, is_open=False)
        fold.setToolTip(f"<qt>{(type(settings).__doc__ or '').strip().splitlines()[0]}</qt>")
        self._widgets.setdefault(name, []).append(fold)
        self._folds.addWidget(fold)
        return form


def _below(name: str, paths: frozenset[str]) -> frozenset[str]:
    return frozenset(path.partition(".")[2] for path in paths if path.startswith(f"{name}."))


def words(name: str) -> str:
    """Return a field name as words: ``tiles_per_step`` to "Tiles per step"; its unit is left out."""
    return _split_unit(name)[0].replace("_", " ").capitalize()


def _label(name: str, field: FieldInfo) -> str:
    """Return the words and, where the box does not show it, the unit."""
    extra = field.json_schema_extra
    unit = "" if isinstance(extra, dict) and extra.get("unit") else _split_unit(name)[1]
    return f"{words(name)} ({unit})" if unit else words(name)


def _split_unit(name: str) -> tuple[str, str]:
    stem, _, last = name.rpartition("_")
    return (stem, last) if stem and last in ("nm", "px", "s") else (name, "")


def _is_fixed(annotation: Any, value: Any) -> bool:
    """Whether there is nothing to choose: a schema version, the kind of a term, a recipe without terms."""
    if get_origin(annotation) is Literal:
        return len(get_args(annotation)) == 1
    return value == () and get_args(annotation)[:1] not in ((int,), (float,), (str,))
