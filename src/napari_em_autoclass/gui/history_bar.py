"""A slider back through the maps of the section in view; at its right end the map is live."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QInputDialog, QLabel, QPushButton, QSlider, QWidget

from napari_em_autoclass.core.events import SnapshotTaken
from napari_em_autoclass.gui.map_history import MapHistory

__all__ = ["HistoryBar"]


class HistoryBar(QWidget):
    """`wanted` carries the snapshot to show; `kept` one to keep as a layer, and its name."""

    wanted = Signal(object)  # SnapshotTaken
    kept = Signal(object, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.history = MapHistory()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setToolTip(
            "<qt>Go back through the maps of this section, from the first sketch to now. "
            "At the right end the map is live again. Learning goes on meanwhile.</qt>"
        )
        self.label = QLabel("live")
        self.label.setMinimumWidth(self.fontMetrics().horizontalAdvance("step 00000"))
        self.keep_button = QPushButton("Keep…")
        self.keep_button.setToolTip("Keep the map that is shown as a layer of its own, under a name you give")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(QLabel("Back in time"))
        row.addWidget(self.slider, 1)
        row.addWidget(self.label)
        row.addWidget(self.keep_button)
        self.slider.valueChanged.connect(self._on_moved)
        self.keep_button.clicked.connect(self._ask_name)
        self.clear()

    @property
    def is_live(self) -> bool:
        """Whether the newest map is to be shown."""
        return bool(self.slider.value() == self.slider.maximum())

    def clear(self) -> None:
        """Begin anew."""
        self.history.clear()
        self._show_ends(is_live=True)

    def add(self, snapshot: SnapshotTaken) -> bool:
        """Take up the newest map; return whether it is to be shown, since nobody looks at an older one."""
        shown = self.history[self.slider.value()] if len(self.history) and not self.is_live else None
        self.history.add(snapshot)
        is_live = shown is None or not any(taken is shown for taken in self.history)
        self._show_ends(is_live=is_live)
        if shown is not None and not is_live:
            with QSignalBlocker(self.slider):
                self.slider.setValue([taken is shown for taken in self.history].index(True))
            self._name()
        return is_live

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
        self.label.setText("live" if self.is_live else f"step {self.history[self.slider.value()].step}")

    def _ask_name(self) -> None:
        snapshot = self.history[self.slider.value()]
        name, is_given = QInputDialog.getText(self, "Keep this map", "Name", text=f"step {snapshot.step}")
        if is_given:
            self.keep(name)
