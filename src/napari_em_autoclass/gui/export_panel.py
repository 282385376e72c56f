"""Take the result away: the whole volume classified, the run, the command that repeats it."""

from __future__ import annotations

import logging
import shutil
from functools import partial
from pathlib import Path

from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_em_autoclass.core.events import CheckpointSaved, Event
from napari_em_autoclass.gui.decisions import Decisions
from napari_em_autoclass.gui.export import ExportOrder, command_line, export
from napari_em_autoclass.gui.session import Session, sentence_for
from napari_em_autoclass.gui.worker import Report, TaskWorker

__all__ = ["ExportPanel"]

_log = logging.getLogger(__name__)
_FORMATS = {"OME-Zarr": ".ome.zarr", "TIFF": ".ome.tif"}


class ExportPanel(QWidget):
    """Writes in the background; the run itself saves itself all the time, and says where."""

    title = "4  Take away"

    def __init__(self, session: Session, decisions: Decisions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._decisions = session, decisions
        self._worker: TaskWorker | None = None
        self._has_weights = False
        self.export_button = QPushButton("Classify whole volume…")
        self.format_box = QComboBox()
        self.merged_box, self.probabilities_box = QCheckBox("Merged classes as one"), QCheckBox("Probabilities too")
        self.progress_bar, self.cancel_button = QProgressBar(), QPushButton("Cancel")
        self.save_button, self.copy_button = QPushButton("Save run…"), QPushButton("Copy command")
        self.place_label = QElidingLabel()
        self._lay_out()
        self._connect()
        self._update()

    def on_event(self, event: Event) -> None:
        """Follow a run."""
        if isinstance(event, CheckpointSaved) and not self._has_weights:
            self._has_weights = True
            self._update()

    def write(self, path: Path) -> None:
        """Classify the whole volume into `path`, in the background."""
        run_dir, volume, class_map = self._session.run_dir, self._session.volume, self._decisions.class_map
        if run_dir is None or volume is None or class_map is None or self._worker is not None:
            return
        probabilities = self.probabilities_box.isChecked() and self.probabilities_box.isEnabled()
        order = ExportOrder(run_dir, volume, class_map, path, self.merged_box.isChecked(), probabilities)
        self._worker = TaskWorker(partial(_run_export, order))
        self._worker.progressed.connect(self._on_progressed)
        self._worker.returned.connect(self._on_written)
        self._worker.cancelled.connect(self._on_cancelled)
        self._worker.errored.connect(self._on_errored)
        self._worker.finished.connect(self._on_finished)
        self._session.said.emit(f"Classifying the whole volume into {path.name}.", False)
        self._worker.start()
        self._update()

    def save_run(self, folder: Path) -> None:
        """Copy the run folder; never over something that is there."""
        self._decisions.save_now()
        if self._session.run_dir is not None:
            try:
                shutil.copytree(self._session.run_dir, folder)
            except OSError as error:
                self._session.said.emit(f"The run could not be saved to {folder}: {error.strerror or error}.", True)
            else:
                self._session.said.emit(f"The run is saved in {folder}.", False)

    def cancel(self) -> None:
        """Stop writing; nothing is left behind."""
        if self._worker is not None:
            self._worker.quit()
            self.cancel_button.setEnabled(False)

    def close_down(self) -> None:
        """End a writing that is under way, and say nothing more."""
        if self._worker is not None:
            for signal in (self._worker.progressed, self._worker.returned, self._worker.cancelled):
                signal.disconnect()
            self._worker.errored.disconnect()
            self._worker.finished.disconnect()
            self._worker.quit()

    def _lay_out(self) -> None:
        self.format_box.addItems(list(_FORMATS))
        self.export_button.setToolTip("Give every voxel of the stack its class, and write the map to a file")
        self.merged_box.setToolTip("Write merged classes under one number; without it the file holds all classes")
        self.probabilities_box.setToolTip("Also write how probable each class is at each voxel (OME-Zarr only; large)")
        self.save_button.setToolTip("Copy the run (what was learned, names, settings) to a folder of your choice")
        self.copy_button.setToolTip("Copy the command that does the same without napari, e.g. on a cluster")
        self.progress_bar.setRange(0, 1000)
        self.progress_bar.setFixedHeight(14)
        self.place_label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        first, options, last = QHBoxLayout(), QHBoxLayout(), QGridLayout()
        for row in (first, options, last):
            row.setSpacing(6)
        first.addWidget(self.export_button, 1)
        first.addWidget(self.format_box)
        options.addWidget(self.merged_box)
        options.addStretch(1)
        options.addWidget(self.probabilities_box)
        self._progress_row = QWidget()
        progress = QHBoxLayout(self._progress_row)
        progress.setContentsMargins(0, 0, 0, 0)
        progress.addWidget(self.progress_bar, 1)
        progress.addWidget(self.cancel_button)
        last.addWidget(self.save_button, 0, 0)
        last.addWidget(self.copy_button, 0, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(first)
        layout.addLayout(options)
        layout.addWidget(self._progress_row)
        layout.addLayout(last)
        layout.addWidget(self.place_label)

    def _connect(self) -> None:
        self.export_button.clicked.connect(self._ask_where)
        self.cancel_button.clicked.connect(self.cancel)
        self.save_button.clicked.connect(self._ask_where_run)
        self.copy_button.clicked.connect(self._copy)
        # Methods and not lambdas: Qt forgets methods of a widget that is gone.
        self.format_box.currentTextChanged.connect(self._update)
        self._session.state_changed.connect(self._update)
        self._session.volume_changed.connect(self._update)

    def _update(self, _: object = None) -> None:
        run_dir = self._session.run_dir
        if run_dir is None or self._session.state.value == "starting":
            self._has_weights = False
        ready = run_dir is not None and (self._has_weights or (run_dir / "weights.safetensors").exists())
        writing = self._worker is not None
        # While it learns, two would share the processor; and the map of later would be better anyway.
        self.export_button.setEnabled(ready and not writing and not self._session.is_busy)
        for widget in (self.save_button, self.copy_button):
            widget.setEnabled(ready)
        self.probabilities_box.setEnabled(self.format_box.currentText() == "OME-Zarr")
        self._progress_row.setVisible(writing)
        self.cancel_button.setEnabled(writing)
        self.place_label.setText(f"Kept in {_short(run_dir)}" if ready and run_dir else "")
        self.place_label.setVisible(ready)
        self.place_label.setToolTip(str(run_dir) if ready else "")

    def _ask_where(self) -> None:
        volume = self._session.volume
        suffix = _FORMATS[self.format_box.currentText()]
        proposal = f"{Path(volume.name).name.split('.')[0] if volume else 'stack'}-classes{suffix}"
        path, _ = QFileDialog.getSaveFileName(self, "Write the class map", proposal, f"Class map (*{suffix})")
        if path:
            self.write(Path(path if path.endswith((".tif", ".tiff", ".zarr")) else path + suffix))

    def _ask_where_run(self) -> None:
        name = self._session.run_dir.name if self._session.run_dir else "run"
        path, _ = QFileDialog.getSaveFileName(self, "Save the run as a folder", name)
        if path:
            self.save_run(Path(path))

    def _copy(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if self._session.run_dir is not None and self._session.volume is not None and clipboard is not None:
            clipboard.setText(command_line(self._session.run_dir, self._session.volume))
            self._session.said.emit("The command is in the clipboard.", False)

    def _on_progressed(self, fraction: float) -> None:
        self.progress_bar.setValue(round(1000 * fraction))

    def _on_written(self, path: Path | None) -> None:
        if path is not None:
            self._session.said.emit(f"Written: {path}", False)

    def _on_cancelled(self) -> None:
        self._session.said.emit("Cancelled; no file was left.", False)

    def _on_errored(self, error: Exception) -> None:
        _log.error("the class map could not be written", exc_info=error)
        self._session.said.emit(sentence_for(error), True)

    def _on_finished(self) -> None:
        self._worker = None
        self.progress_bar.setValue(0)
        self._update()


def _short(path: Path) -> str:
    """Return the path as people write it, from their home folder on."""
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)


def _run_export(order: ExportOrder, report: Report) -> Path:
    return export(order, report)
