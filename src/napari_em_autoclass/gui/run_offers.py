"""What is offered when a stack is chosen: to continue a run of it that was cut off, and a menu of all its runs."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QPushButton, QToolButton, QWidget

from napari_em_autoclass.core.volume import Volume, fingerprint
from napari_em_autoclass.gui.fitted_text import WrappedLabel
from napari_em_autoclass.gui.past_runs import PastRun, past_runs
from napari_em_autoclass.gui.run_place import runs_folder
from napari_em_autoclass.gui.session import RunState, Session
from napari_em_autoclass.gui.worker import Report, TaskWorker

__all__ = ["RunOffers"]

_log = logging.getLogger(__name__)
_MOST_LISTED = 12


class RunOffers(QWidget):
    """A line that shows only where there is something to continue; `wanted` carries a folder and whether to learn.

    Parameters
    ----------
    session : whose stack the runs are of
    menu : to which the runs of the stack, and any other run, are added
    """

    wanted = Signal(str, bool)

    def __init__(self, session: Session, menu: QMenu, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._worker: TaskWorker | None = None
        self._fingerprint = ""
        self._offered: PastRun | None = None
        self._declined: set[Path] = set()
        self.label = WrappedLabel()
        self.continue_button = QPushButton("Continue")
        self.continue_button.setToolTip("Open the run with its names and merges, and go on learning where it was")
        self.decline_button = QToolButton()
        self.decline_button.setText("×")
        self.decline_button.setAccessibleName("Not now")
        self.decline_button.setToolTip("Not now; it stays under Open, Runs of this stack")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.label, 1)
        row.addWidget(self.continue_button)
        row.addWidget(self.decline_button)
        menu.addSeparator()
        self.open_action = menu.addAction("Run…")
        self.runs_menu = menu.addMenu("Runs of this stack")
        self._connect()
        self._show(None)
        self._on_volume(session.volume)

    def close_down(self) -> None:
        """Offer nothing any more."""
        if self._worker is not None:
            self._worker.drop()
            self._worker = None

    def _connect(self) -> None:
        self.continue_button.clicked.connect(self._on_continue)
        self.decline_button.clicked.connect(self._on_decline)
        self.open_action.triggered.connect(self._ask)
        self.runs_menu.aboutToShow.connect(self._fill_menu)
        self._session.volume_changed.connect(self._on_volume)
        self._session.state_changed.connect(self._on_state)

    def _on_volume(self, volume: Volume | None) -> None:
        self.close_down()
        self._fingerprint = ""
        self._show(None)
        if volume is None or not runs_folder().is_dir():
            return

        def task(report: Report) -> str:
            return fingerprint(volume)

        self._worker = TaskWorker(task)
        self._worker.returned.connect(self._on_known)
        self._worker.errored.connect(lambda error: _log.info("the runs of this stack are not looked for: %s", error))
        self._worker.start()

    def _on_known(self, found: str | None) -> None:
        self._worker, self._fingerprint = None, found or ""
        self._look()

    def _on_state(self, state: RunState) -> None:
        if state is RunState.IDLE:
            self._look()
        else:
            self._show(None)

    def _look(self) -> None:
        """Offer the newest run of the stack if it was cut off, unless it is open already or was declined."""
        runs = past_runs(self._fingerprint)[:1] if self._fingerprint and not self._session.is_busy else ()
        known = {self._session.run_dir, *self._declined}
        self._show(next((run for run in runs if run.cut_off and run.path not in known), None))

    def _show(self, run: PastRun | None) -> None:
        self._offered = run
        if run is not None:
            self.label.setText(f"A run of this stack was interrupted at step {run.step}.")
            self.label.setToolTip(f"{run.title(datetime.now())}\n{run.path}")
        self.setVisible(run is not None)

    def _on_continue(self) -> None:
        if self._offered is not None:
            self.wanted.emit(str(self._offered.path), True)

    def _on_decline(self) -> None:
        if self._offered is not None:
            self._declined.add(self._offered.path)
        self._show(None)

    def _fill_menu(self) -> None:
        self.runs_menu.clear()
        runs = past_runs(self._fingerprint)[:_MOST_LISTED] if self._fingerprint else ()
        for run in runs:
            action = self.runs_menu.addAction(run.title(datetime.now()))
            action.setToolTip(str(run.path))
            action.setEnabled(run.path != self._session.run_dir)
            action.triggered.connect(lambda _=False, path=str(run.path): self.wanted.emit(path, False))
        if not runs:
            self.runs_menu.addAction("none yet" if self._session.volume else "choose a stack first").setEnabled(False)

    def _ask(self) -> None:
        start = runs_folder()
        path = QFileDialog.getExistingDirectory(self, "Open a run", str(start) if start.is_dir() else "")
        if path:
            self.wanted.emit(path, False)
