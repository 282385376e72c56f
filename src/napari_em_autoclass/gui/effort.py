"""One row: the preset, and a menu to estimate, save and load what is set; below it the estimate."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QFileDialog, QGridLayout, QLabel, QMenu, QToolButton, QWidget

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.gui.fitted_text import WrappedLabel
from napari_em_autoclass.gui.preset_box import PresetBox
from napari_em_autoclass.gui.session import Session, sentence_for
from napari_em_autoclass.gui.settings_file import estimate_sentence, load_settings, save_settings
from napari_em_autoclass.gui.wishes import Wishes
from napari_em_autoclass.gui.worker import Report, TaskWorker

__all__ = ["Effort"]

_log = logging.getLogger(__name__)
_FILES = "Settings (*.json)"
_IDLE_MS = 1500  # who presses Learn at once needs no estimate


class Effort(QWidget):
    """`loaded` carries the settings that were read from a file.

    Parameters
    ----------
    session : whose stack is estimated for, and which is told what went wrong
    wishes : gives what is set now
    """

    loaded = Signal(object)  # RunSettings

    def __init__(self, session: Session, wishes: Callable[[], Wishes], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._wishes = session, wishes
        self._worker: TaskWorker | None = None
        self._is_asked = False  # for what the worker does
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_IDLE_MS)
        self._soon.timeout.connect(self._estimate_if_idle)
        self.preset_box = PresetBox()
        self.more_button = QToolButton()
        self.more_button.setText("⋯")
        self.more_button.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self.more_button.setToolTip("Estimate time and memory; save and load settings")
        self.more_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        self.estimate_action = menu.addAction("Estimate time and memory")
        menu.addSeparator()
        self.save_action = menu.addAction("Save settings…")
        self.load_action = menu.addAction("Load settings…")
        self.more_button.setMenu(menu)
        self.estimate_label = WrappedLabel()
        self.estimate_label.setVisible(False)
        self.estimate_label.setToolTip(
            "<qt>Measured on this computer by a short trial: time to the first map, of one step, to classify the "
            "whole stack afterwards; memory beside the viewer's; disk for the class map of the whole stack.</qt>"
        )
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(2)
        grid.addWidget(QLabel("Effort"), 0, 0)
        grid.addWidget(self.preset_box, 0, 1)
        grid.addWidget(self.more_button, 0, 2)
        grid.addWidget(self.estimate_label, 1, 0, 1, 3)
        grid.setColumnStretch(1, 1)
        self.estimate_action.triggered.connect(lambda _: self.estimate())
        self.save_action.triggered.connect(self._ask_where_to_save)
        self.load_action.triggered.connect(self._ask_what_to_load)

    def set_busy(self, busy: bool) -> None:
        """Offer nothing while a training is under way; an estimate that is not done by then is given up."""
        self.preset_box.setEnabled(not busy)
        for action in (self.estimate_action, self.load_action):
            action.setEnabled(not busy)
        if busy:
            self.forget_estimate()

    def forget_estimate(self) -> None:
        """Show no estimate: it is of other settings, or of another stack."""
        self.close_down()
        self.estimate_label.clear()
        self.estimate_label.setVisible(False)

    def close_down(self) -> None:
        """Show nothing later."""
        self._soon.stop()
        if self._worker is not None:
            for signal in (self._worker.returned, self._worker.errored):
                signal.disconnect()
            self._worker.quit()
            self._worker = None

    def estimate_if_idle(self) -> None:
        """Say soon what a run would cost, unless something else goes on; a trial is made where there was none yet."""
        self._soon.start()

    def _estimate_if_idle(self) -> None:
        if self._session.volume is not None and not self._session.is_busy and self._worker is None:
            self.estimate(afresh=False)

    def estimate(self, afresh: bool = True) -> None:
        """Find out, in a thread, what a run with these settings would cost."""
        volume = self._session.volume
        if volume is None:
            self._session.said.emit("Choose a stack first.", False)
            return
        wishes = self._wishes_or_none()
        if wishes is not None:
            self.estimate_label.setVisible(True)
            self.estimate_label.setText("Estimating by a short trial…")
            task = partial(estimate_sentence, volume, wishes, afresh=afresh)
            self._start(lambda report: task(report), self.estimate_label.setText, is_asked=afresh)

    def save(self, path: Path) -> None:
        """Write what is set to a file."""
        wishes = self._wishes_or_none()
        if wishes is not None:
            said = f"Settings saved as {path.name}."
            self._start(lambda report: save_settings(wishes, path), lambda _: self._session.said.emit(said, False))

    def load(self, path: Path) -> None:
        """Take what is set from a file."""
        self._start(lambda report: load_settings(path), self.loaded.emit)

    def _wishes_or_none(self) -> Wishes | None:
        try:
            return self._wishes()
        except InputError as error:
            self._session.said.emit(str(error), True)
            return None

    def _start(self, task: Callable[[Report], Any], then: Callable[[Any], Any], *, is_asked: bool = True) -> None:
        self.close_down()
        self._is_asked = is_asked
        self._worker = TaskWorker(task)
        self._worker.returned.connect(partial(self._on_returned, then))
        self._worker.errored.connect(self._on_errored)
        self._worker.start()

    def _on_returned(self, then: Callable[[Any], Any], result: Any) -> None:
        self._worker = None
        then(result)

    def _on_errored(self, error: Exception) -> None:
        self._worker = None
        _log.error("settings or estimate failed", exc_info=error)
        self.estimate_label.setVisible(False)
        if self._is_asked:  # else it will be said when the run begins
            self._session.said.emit(sentence_for(error), True)

    def _ask_where_to_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the settings", "settings.json", _FILES)
        if path:
            self.save(Path(path if path.endswith(".json") else f"{path}.json"))

    def _ask_what_to_load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load settings", "", _FILES)
        if path:
            self.load(Path(path))
