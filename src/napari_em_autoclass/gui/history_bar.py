"""A slider back through the maps of the section in view; at its right end the map is live."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QSlider, QVBoxLayout, QWidget

from napari_em_autoclass.core.events import SnapshotTaken
from napari_em_autoclass.gui.kept_bar import KeptBar
from napari_em_autoclass.gui.map_history import MapHistory
from napari_em_autoclass.gui.session import Session

__all__ = ["HistoryBar"]


class _NameField(QLineEdit):
    """Escape gives up."""

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Hide at Escape."""
        if event is not None and event.key() == Qt.Key.Key_Escape:
            self.setVisible(False)
        else:
            super().keyPressEvent(event)


class HistoryBar(QWidget):
    """`wanted` carries the snapshot to show; `kept` one to keep as a layer, and its name."""

    wanted = Signal(object)  # SnapshotTaken
    kept = Signal(object, str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.history = MapHistory()
        self.kept_bar = KeptBar(session)
        self._to_keep: SnapshotTaken | None = None
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setToolTip(
            "<qt>Go back through the maps of this section, from the first sketch to now. "
            "At the right end the map is live again. Learning goes on meanwhile.</qt>"
        )
        self.label = QLabel("live")
        self.label.setMinimumWidth(self.fontMetrics().horizontalAdvance("step 00000"))
        self.keep_button = QPushButton("Keep…")
        self.keep_button.setToolTip(
            "<qt>Keep the map that is shown, under a name you give: with the run, to compare later maps with, and as a "
            "layer of its own</qt>"
        )
        self.name_field = _NameField()
        self.name_field.setToolTip("Enter keeps the map under this name, Escape does not")
        self.name_field.setVisible(False)
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(QLabel("Back in time"))
        row.addWidget(self.slider, 1)
        row.addWidget(self.label)
        row.addWidget(self.keep_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addLayout(row)
        column.addWidget(self.name_field)
        column.addWidget(self.kept_bar)
        self.slider.valueChanged.connect(self._on_moved)
        self.keep_button.clicked.connect(self._ask_name)
        self.name_field.returnPressed.connect(self._on_named)
        self.kept_bar.wanted.connect(self.wanted)
        self.kept.connect(self.kept_bar.keep)
        self.clear()

    @property
    def is_live(self) -> bool:
        """Whether the newest map is to be shown."""
        return bool(self.slider.value() == self.slider.maximum()) and not self.kept_bar.is_showing

    def clear(self, run_dir: Path | None = None) -> None:
        """Begin anew, with what was kept of a run."""
        self.history.clear()
        self.kept_bar.open(run_dir)
        self.name_field.setVisible(False)
        self._show_ends(is_live=True)

    def add(self, snapshot: SnapshotTaken) -> bool:
        """Take up the newest map; return whether it is to be shown, since nobody looks at an older one."""
        self.kept_bar.follow(snapshot)
        is_back = self.slider.value() < self.slider.maximum()
        shown = self.history[self.slider.value()] if len(self.history) and is_back else None
        self.history.add(snapshot)
        is_live = shown is None or not any(taken is shown for taken in self.history)
        self._show_ends(is_live=is_live)
        if shown is not None and not is_live:
            with QSignalBlocker(self.slider):
                self.slider.setValue([taken is shown for taken in self.history].index(True))
            self._name()
        return self.is_live

    def keep(self, name: str) -> None:
        """Keep the map that is shown under a name."""
        if len(self.history) and name.strip():
            self.kept.emit(self.history[self.slider.value()], name.strip())

    def _show_ends(self, *, is_live: bool) -> None:
        last = max(len(self.history) - 1, 0)
        with QSignalBlocker(self.slider):
            self.slider.setRange(0, last)
            if is_live:
                self.slider.setValue(last)
        self.slider.setEnabled(last > 0)
        self.keep_button.setEnabled(len(self.history) > 0)
        self._name()

    def _on_moved(self, index: int) -> None:
        self._name()
        if len(self.history):
            self.wanted.emit(self.history[index])

    def _name(self) -> None:
        is_newest = self.slider.value() == self.slider.maximum()
        self.label.setText("live" if is_newest else f"step {self.history[self.slider.value()].step}")

    def _ask_name(self) -> None:
        """Ask in the panel: a window of its own would stand in the way while the map goes on."""
        self._to_keep = self.history[self.slider.value()]
        self.name_field.setText(f"step {self._to_keep.step}")
        self.name_field.setVisible(True)
        self.name_field.selectAll()
        self.name_field.setFocus()

    def _on_named(self) -> None:
        name = self.name_field.text().strip()
        if self._to_keep is not None and name:
            self.kept.emit(self._to_keep, name)
        self.name_field.setVisible(False)
