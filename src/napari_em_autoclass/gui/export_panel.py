"""Take the result away: the stack classified, a table of its classes, the run, the commands that repeat it."""

from __future__ import annotations

import logging
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QMenu,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import CheckpointSaved, Event, RunStarted
from napari_em_autoclass.gui.command_lines import Writing, command_lines
from napari_em_autoclass.gui.decisions import Decisions
from napari_em_autoclass.gui.export import ExportOrder, export, write_estimated_table
from napari_em_autoclass.gui.fitted_text import ElidedLabel
from napari_em_autoclass.gui.run_place import copy_run, region_of
from napari_em_autoclass.gui.session import Session, sentence_for
from napari_em_autoclass.gui.time_left import time_left_text
from napari_em_autoclass.gui.worker import Report, TaskWorker

if TYPE_CHECKING:
    from napari_em_autoclass.core.class_statistics import ClassStatistics

__all__ = ["ExportPanel"]

_log = logging.getLogger(__name__)
_FORMATS = {"OME-Zarr": ".ome.zarr", "TIFF": ".ome.tif", "Table (CSV)": ".csv"}
_SUFFIXES = (".tif", ".tiff", ".zarr", ".csv")


class ExportPanel(QWidget):
    """Writes in the background; the run itself saves itself all the time, and says where."""

    title = "4  Take away"

    def __init__(self, session: Session, decisions: Decisions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._decisions = session, decisions
        self._worker: TaskWorker | None = None
        self._has_weights = False
        self._statistics: ClassStatistics | None = None
        self._since = 0.0  # the beginning of the writing, on the monotonic clock
        self.export_button = QPushButton("Classify whole volume…")
        self.format_box = QComboBox()
        self.merged_box, self.probabilities_box = QCheckBox("Merged classes as one"), QCheckBox("Probabilities too")
        self.region_box = QCheckBox("Only the part learned from")
        self.progress_bar, self.cancel_button = QProgressBar(), QPushButton("Cancel")
        self.save_button, self.table_button = QPushButton("Save run…"), QPushButton("Class table…")
        self.copy_button, menu = QPushButton("Copy command"), QMenu(self)
        self.copy_action = menu.addAction("Learn again, then classify", partial(self._copy, again=True))
        self.copy_predict_action = menu.addAction("Only classify, with this run", partial(self._copy, again=False))
        self.copy_button.setMenu(menu)
        self.place_label = ElidedLabel()
        self._lay_out()
        self._connect()
        self._update()

    def on_event(self, event: Event) -> None:
        """Follow a run."""
        if isinstance(event, RunStarted):
            self.set_statistics(None)
        if isinstance(event, CheckpointSaved) and not self._has_weights:
            self._has_weights = True
            self._update()

    def set_statistics(self, statistics: ClassStatistics | None) -> None:
        """Take what is known of the classes by now, None to forget it."""
        self._statistics = statistics
        self._update()

    def write(self, path: Path) -> None:
        """Classify the stack, or the part learned from, into `path`, in the background."""
        run_dir, volume, class_map = self._session.run_dir, self._session.volume, self._decisions.class_map
        if run_dir is None or volume is None or class_map is None or self._worker is not None:
            return
        probabilities = self.probabilities_box.isChecked() and self.probabilities_box.isEnabled()
        region = region_of(run_dir) if self.region_box.isChecked() else None
        merged = self.merged_box.isChecked()
        order = ExportOrder(run_dir, volume, class_map, path, merged, probabilities, region, self._statistics)
        self._worker = TaskWorker(partial(_run_export, order))
        self._worker.progressed.connect(self._on_progressed)
        self._worker.returned.connect(self._on_written)
        self._worker.cancelled.connect(self._on_cancelled)
        self._worker.errored.connect(self._on_errored)
        self._worker.finished.connect(self._on_finished)
        what = "the part learned from" if region else "the whole volume"
        self._session.said.emit(f"Classifying {what} into {path.name}.", False)
        self._since = time.monotonic()
        self._worker.start()
        self._update()

    def save_run(self, folder: Path) -> None:
        """Copy the run folder; never over something that is there, and never half."""
        run_dir = self._session.run_dir
        self._decisions.save_now()
        if run_dir is None:
            return
        try:
            copy_run(run_dir, folder)
        except (InputError, OSError) as error:
            self._session.said.emit(f"The run could not be saved: {error}.", True)
        else:
            self._session.said.emit(f"The run is saved in {folder}.", False)

    def save_table(self, path: Path) -> None:
        """Write the list of classes with what is known of them."""
        class_map = self._decisions.class_map
        if class_map is None or self._statistics is None:
            return
        try:
            write_estimated_table(path, class_map, self._statistics, self.merged_box.isChecked())
        except (InputError, OSError) as error:
            self._session.said.emit(str(error), True)
        else:
            said = f"Written: {path}. Its figures are estimated from some places of the stack."
            self._session.said.emit(said, False)

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
        self.format_box.setToolTip("A map for viewers, or a table in which every voxel is counted (no map is kept)")
        self.probabilities_box.setToolTip("Also write how probable each class is at each voxel (OME-Zarr only; large)")
        self.save_button.setToolTip("Copy the run (what was learned, names, settings) to a folder of your choice")
        self.table_button.setToolTip(
            "<qt>Write the list of classes with shares, volumes, certainty and neighbours as CSV, at once: estimated "
            "from some places all over the stack. To count every voxel choose Table (CSV) above.</qt>"
        )
        self.region_box.setToolTip("The box that this run learned from; the map lies at its place in the stack")
        self.copy_button.setToolTip("Copy the commands that do the same without napari, e.g. on a cluster")
        self.progress_bar.setRange(0, 1000)
        self.progress_bar.setFixedHeight(14)
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
        last.addWidget(self.table_button, 0, 1)
        last.addWidget(self.copy_button, 1, 0)
        last.addWidget(self.place_label, 1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(first)
        layout.addLayout(options)
        layout.addWidget(self.region_box)
        layout.addWidget(self._progress_row)
        layout.addLayout(last)

    def _connect(self) -> None:
        self.export_button.clicked.connect(self._ask_where)
        self.cancel_button.clicked.connect(self.cancel)
        self.save_button.clicked.connect(self._ask_where_run)
        self.table_button.clicked.connect(self._ask_where_table)
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
        self.table_button.setEnabled(ready and self._statistics is not None)
        self.region_box.setVisible(ready and region_of(run_dir) is not None)
        self.region_box.setChecked(self.region_box.isChecked() and not self.region_box.isHidden())
        self.probabilities_box.setEnabled(self.format_box.currentText() == "OME-Zarr")
        self._progress_row.setVisible(writing)
        self.cancel_button.setEnabled(writing)
        self.place_label.setText(f"Kept in {_short(run_dir)}" if ready and run_dir else "")
        self.place_label.setVisible(ready)
        self.place_label.setToolTip(str(run_dir) if ready else "")

    def _ask_where(self) -> None:
        suffix = _FORMATS[self.format_box.currentText()]
        what = "Class table" if suffix == ".csv" else "Class map"
        path, _ = QFileDialog.getSaveFileName(
            self, f"Write the {what.lower()}", self._name(suffix), f"{what} (*{suffix})"
        )
        if path:
            self.write(Path(path if path.endswith(_SUFFIXES) else path + suffix))

    def _ask_where_table(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Write the class table", self._name(".csv"), "Class table (*.csv)")
        if path:
            self.save_table(Path(path if path.endswith(".csv") else f"{path}.csv"))

    def _name(self, suffix: str) -> str:
        volume = self._session.volume
        return f"{Path(volume.name).name.split('.')[0] if volume else 'stack'}-classes{suffix}"

    def _ask_where_run(self) -> None:
        name = self._session.run_dir.name if self._session.run_dir else "run"
        path, _ = QFileDialog.getSaveFileName(self, "Save the run as a folder", name)
        if path:
            self.save_run(Path(path))

    def _copy(self, again: bool) -> None:
        clipboard, run_dir, volume = QGuiApplication.clipboard(), self._session.run_dir, self._session.volume
        if run_dir is None or volume is None or clipboard is None:
            return
        suffix = _FORMATS[self.format_box.currentText()]
        probabilities = self.probabilities_box.isChecked() and self.probabilities_box.isEnabled()
        how = Writing(self.merged_box.isChecked(), probabilities, ".ome.zarr" if suffix == ".csv" else suffix)
        try:
            commands = command_lines(run_dir, volume, how)
        except InputError as error:
            self._session.said.emit(str(error), True)
            return
        clipboard.setText(f"{commands.train}\n{commands.predict}\n" if again else f"{commands.predict_now}\n")
        self._session.said.emit(commands.sentence, False)

    def _on_progressed(self, fraction: float) -> None:
        self.progress_bar.setValue(round(1000 * fraction))
        self.progress_bar.setFormat(time_left_text(time.monotonic() - self._since, fraction))

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
        self.progress_bar.setFormat("")
        self._update()


def _short(path: Path) -> str:
    """Return the path as people write it, from their home folder on."""
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)


def _run_export(order: ExportOrder, report: Report) -> Path:
    return export(order, report)
