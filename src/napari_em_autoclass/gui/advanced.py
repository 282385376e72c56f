"""All settings of the run, folded away: loaded only when somebody unfolds them, since they bring torch along."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_em_autoclass.gui.form import SettingsForm
from napari_em_autoclass.gui.worker import Report, TaskWorker

if TYPE_CHECKING:
    from napari_em_autoclass.core.run_settings import RunSettings

__all__ = ["AdvancedSettings"]

_log = logging.getLogger(__name__)

# These have a widget of their own in the panel.
_ELSEWHERE = frozenset({"recipe", "n_classes", "training.seconds", "training.steps", "region", "skip_sections"})


class AdvancedSettings(QWidget):
    """The generated form of a recipe's settings.  The weights of the terms follow the sliders, not this form."""

    failed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._recipe = ""
        self._shown = ""
        self._preset: tuple[str, ...] = ()
        self._is_own = False  # whether the settings shown are neither a recipe's nor a preset's
        self._form: SettingsForm | None = None
        self._loaded: RunSettings | None = None
        self._worker: TaskWorker | None = None
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
        edited = cast("RunSettings", self._form.value)
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
        if self._worker is not None:
            self._worker.returned.disconnect(self._on_loaded)
            self._worker.finished.disconnect(self._on_finished)

    def _on_loaded(self, settings: Any) -> None:
        layout = self.layout()
        if self._form is not None and layout is not None:
            layout.removeWidget(self._form)
            self._form.deleteLater()
        weights = frozenset(f"terms.{term.kind}.weight" for term in settings.terms)
        self._form = SettingsForm(settings, _ELSEWHERE | weights)
        self._shown, self._loaded = settings.recipe, settings
        self._waiting.setVisible(False)
        if layout is not None:
            layout.addWidget(self._form)

    def _on_errored(self, error: Exception) -> None:
        _log.error("settings can't be shown", exc_info=error)
        self.failed.emit(f"The settings can't be shown: {error}")

    def _on_finished(self) -> None:
        self._worker = None
        if self._shown != self._recipe and self._form is not None:
            self.show_recipe()  # another recipe was chosen meanwhile
