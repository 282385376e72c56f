"""Which time point, or channel, of a layer with more than three axes is the stack."""

from __future__ import annotations

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QSpinBox, QWidget

from napari_em_autoclass.gui.source import shape_of
from napari_em_autoclass.gui.viewpoint import in_units_of

__all__ = ["LeadingBox", "leading_names", "leading_text"]

_WORDS = {
    "t": "time point",
    "time": "time point",
    "c": "channel",
    "ch": "channel",
    "channel": "channel",
    "p": "position",
    "s": "series",
    "angle": "angle",
    "tilt": "tilt",
}
_TIP = (
    "<qt>This layer has more than three axes; the last three are taken as sections, rows and columns. Learning and the "
    "class map use this {name} alone: the map shows there, and nowhere else. Choosing another one starts no training: "
    "the classes learned last are shown on it.</qt>"
)


def leading_names(layer: Layer) -> tuple[str, ...]:
    """Return what the axes before the last three are, in words: of one without a label, time."""
    labels = [str(label) for label in layer.axis_labels][:-3]
    words = [_WORDS.get(label.lower(), "" if label.lstrip("-").isdigit() else label) for label in labels]
    return tuple(word or ("time point" if len(words) == 1 else f"axis {i}") for i, word in enumerate(words))


def leading_text(layer: Layer, leading: tuple[int, ...]) -> str:
    """Return an index into those axes in words: "time point 3, channel 0"; "" where there is none."""
    return ", ".join(f"{name} {i}" for name, i in zip(leading_names(layer), leading, strict=True))


class LeadingBox(QWidget):
    """A number for each axis before the last three; hidden where there is none."""

    changed = Signal(object)  # the index, a tuple

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.boxes: list[QSpinBox] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        self.setVisible(False)

    @property
    def index(self) -> tuple[int, ...]:
        """What is chosen."""
        return tuple(box.value() for box in self.boxes)

    def offer(self, layer: Layer | None) -> None:
        """Show the axes of a layer, at first where the viewer is."""
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.setParent(None)
                widget.deleteLater()
        self.boxes = []
        lengths = shape_of(layer)[0] if layer is not None and layer.ndim > 3 else ()
        self.setVisible(bool(lengths))
        if layer is None or not lengths:
            return
        seen = np.round(layer.world_to_data(in_units_of(layer, self._viewer, self._viewer.dims.point)))
        for row, (name, length, at) in enumerate(zip(leading_names(layer), lengths, seen, strict=False)):
            box = QSpinBox()
            box.setRange(0, length - 1)
            box.setValue(int(np.clip(at, 0, length - 1)))
            box.setSuffix(f" of 0 to {length - 1}")
            box.setToolTip(_TIP.format(name=name))
            box.setKeyboardTracking(False)  # "12" is not 1 and then 12
            box.setAccessibleName(name)
            box.valueChanged.connect(lambda _: self.changed.emit(self.index))
            label = QLabel(name[:1].upper() + name[1:])
            label.setToolTip(box.toolTip())
            self._grid.addWidget(label, row, 0)
            self._grid.addWidget(box, row, 1)
            self.boxes.append(box)

    def set_index(self, index: tuple[int, ...]) -> None:
        """Choose without saying so."""
        for box, at in zip(self.boxes, index, strict=True):
            with QSignalBlocker(box):
                box.setValue(at)
