"""All settings of the run, folded away: loaded only when somebody unfolds them, since they bring torch along."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.gui.focus import tab_on_to
from napari_em_autoclass.gui.worker import Report, TaskWorker

if TYPE_CHECKING:
    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.gui.form import SettingsForm

__all__ = ["AdvancedSettings"]

_log = logging.getLogger(__name__)

# These have a widget of their own in the panel; the labels to start from have none, and stay.
_ELSEWHERE = frozenset(
    {"recipe", "n_classes", "training.seconds", "training.steps", "region", "skip_sections", "start"}
)
# These may change while a training goes on, see `run_settings.refuse_fixed_changes`.
_LIVE = frozenset({"terms", "views", "training"})
_SLOWLY_MS = 300  # not at every letter that is typed


class AdvancedSettings(QWidget):
    """The generated form of a recipe's settings.

    The weights of the terms are those of the sliders: `show_weights` keeps them alike, and `weight_edited` tells of
    those that were edited here.
    """

    failed = Signal(str)
    weight_edited = Signal(str, float)  # kind of the term
    edited = Signal(object)  # RunSettings
    shown = Signal()
    changed_at = Signal(object)  # the widget of a setting that was changed by `change`

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._recipe = ""
        self._shown = ""
        self._preset: tuple[str, ...] = ()
        self._is_own = False  # whether the settings shown are neither a recipe's nor a preset's
        self._form: SettingsForm | None = None
        self._loaded: RunSettings | None = None
        self._worker: TaskWorker | None = None
        self._weights: dict[str, float] = {}
        self._is_live = False
        self._wanted: list[tuple[str, Callable[[Any], Any]]] = []  # changes that wait for the form
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SLOWLY_MS)
        self._soon.timeout.connect(self._tell)
        self._waiting = QLabel("Loading…")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._waiting)

    @property
    def form(self) -> SettingsForm | None:
        """The form, None before somebody unfolded it."""
        return self._form

    @property
    def settings(self) -> RunSettings | None:
        """The settings as edited; None if nothing was edited for this recipe.

        Raises
        ------
        InputError
            If a value is out of bounds.
        """
        if self._form is None or self._shown != self._recipe:
            return None
        edited = self._with_loaded_weights()
        return None if edited == self._loaded and not self._is_own else edited

    def take(self, settings: RunSettings) -> None:
        """Show these settings, which hold from now on."""
        self._recipe, self._is_own = settings.recipe, True
        self._on_loaded(settings)

    def set_recipe(self, name: str, preset: tuple[str, ...] = (), load: bool = False) -> None:
        """Take another recipe, or preset; the form is built at once if `load`, else when it is looked at."""
        if (name, preset) != (self._recipe, self._preset) or self._is_own:
            self._recipe, self._preset, self._is_own, self._shown = name, preset, False, ""
        if load:
            self.show_recipe()

    def set_live(self, is_live: bool) -> None:
        """Let only what may change meanwhile be edited, while a training goes on."""
        self._is_live = is_live
        if self._form is not None:
            self._form.enable_only(_LIVE if is_live else None)

    def show_weights(self, weights: Mapping[str, float]) -> None:
        """Show the weights that the sliders stand for."""
        self._weights = dict(weights)
        for kind, weight in weights.items():
            self._show(f"terms.{kind}.weight", weight)

    def change(self, path: str, value_of: Callable[[Any], Any]) -> None:
        """Change one setting from what it is, as if it were edited; the form is loaded first where it has to be."""
        self._wanted.append((path, value_of))
        if self._form is not None and self._shown == self._recipe:
            self._change_wanted()
        else:
            self.show_recipe()

    def show_recipe(self) -> None:
        """Build the form of the recipe, unless it is there."""
        if self._shown == self._recipe or self._worker is not None:
            return
        recipe, preset = self._recipe, self._preset

        def load(report: Report) -> RunSettings:
            from napari_em_autoclass.core.run_settings import apply_setting, load_recipe

            settings = load_recipe(recipe)
            for assignment in preset:
                settings = apply_setting(settings, assignment)
            return settings

        self._waiting.setVisible(True)
        self._worker = TaskWorker(load)
        self._worker.returned.connect(self._on_loaded)
        self._worker.errored.connect(self._on_errored)
        self._worker.finished.connect(self._on_finished)
        self._worker.start()

    def close_down(self) -> None:
        """Show nothing later."""
        self._soon.stop()
        if self._worker is not None:
            self._worker.returned.disconnect(self._on_loaded)
            self._worker.finished.disconnect(self._on_finished)

    def _on_loaded(self, settings: Any) -> None:
        from napari_em_autoclass.gui.form import SettingsForm  # defining settings is slow, and was done with these

        layout = self.layout()
        if self._form is not None and layout is not None:
            layout.removeWidget(self._form)
            self._form.deleteLater()
        self._form = SettingsForm(settings, _ELSEWHERE)
        self._shown, self._loaded = settings.recipe, settings
        self._waiting.setVisible(False)
        if layout is not None:
            layout.addWidget(self._form)
            tab_on_to(self._form)
        self.set_live(self._is_live)
        self._form.changed.connect(self._soon.start)
        self.shown.emit()
        self._change_wanted()

    def _show(self, path: str, value: Any) -> bool:
        """Show a value where the form has it, without a word to anybody."""
        if self._form is None:
            return False
        try:
            self._form.editor_at(path).set(value)
        except KeyError:
            return False
        return True

    def _change_wanted(self) -> None:
        wanted, self._wanted = self._wanted, []
        for path, value_of in wanted:
            if self._form is not None and self._show(path, value_of(self._form.editor_at(path).get())):
                self._form.reveal(path)
                self._tell()
                self.changed_at.emit(self._form.editor_at(path).widget)

    def _tell(self) -> None:
        """Say what was edited: weights to the sliders, all of it to the training that is under way."""
        if self._form is None:
            return
        try:
            edited = cast("RunSettings", self._form.value)
        except InputError as error:
            self.failed.emit(str(error))
            return
        for term in edited.terms:
            if term.weight != self._weights.get(term.kind, term.weight):
                self._weights[term.kind] = term.weight
                self.weight_edited.emit(term.kind, term.weight)
        self.edited.emit(edited)

    def _with_loaded_weights(self) -> RunSettings:
        """Return the settings as edited but for the weights, which are the sliders' business."""
        edited = cast("RunSettings", self._form.value if self._form is not None else self._loaded)
        loaded = {term.kind: term.weight for term in self._loaded.terms} if self._loaded is not None else {}
        return edited.replace(terms=tuple(term.replace(weight=loaded[term.kind]) for term in edited.terms))

    def _on_errored(self, error: Exception) -> None:
        _log.error("settings can't be shown", exc_info=error)
        self.failed.emit(f"The settings can't be shown: {error}")

    def _on_finished(self) -> None:
        self._worker = None
        if self._shown != self._recipe and self._form is not None:
            self.show_recipe()  # another recipe was chosen meanwhile
