"""Which stack to learn from: a layer of the viewer, or a file; the voxel size where it is not known."""

from __future__ import annotations

from typing import Any

from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGridLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from napari_em_autoclass.core.errors import InputError, MissingVoxelSize
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.sample import SampleMaker
from napari_em_autoclass.gui.session import Session, sentence_for
from napari_em_autoclass.gui.set_up import SetUp
from napari_em_autoclass.gui.source import parse_voxel_size, stack_layers, volume_of, voxel_size_of, voxel_size_text

__all__ = ["StackPanel"]

_FILES = "Stacks (*.tif *.tiff *.h5 *.hdf5 *.mrc *.rec *.npy);;All files (*)"


class StackPanel(QWidget):
    """Lists the layers that can be learned from; `chosen` carries the layer (or None) and its Volume (or None)."""

    title = "1  Stack"
    chosen = Signal(object, object)
    path_chosen = Signal(str)

    def __init__(self, session: Session, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._viewer = session, viewer
        self._layers: list[Image] = []
        self._layer: Image | None = None
        self.layer_box = QComboBox()
        self.layer_box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.open_button = QPushButton("Open")
        menu = QMenu(self)
        self.open_file_action = menu.addAction("File…")
        self.open_folder_action = menu.addAction("Folder (Zarr, or a section per file)…")
        self.sample_action = menu.addAction("Sample stack (made up, nothing is downloaded)")
        self.open_button.setMenu(menu)
        self.size_label = QLabel("Voxel size (nm)")
        self.size_field = QLineEdit()
        self.size_field.setPlaceholderText("z y x, e.g. 50 4 4")
        self.size_field.setToolTip(
            "Edge lengths of a voxel in nm: section thickness, row, column. One number for a cube."
        )
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(4)
        grid.addWidget(self.layer_box, 0, 0, 1, 2)
        grid.addWidget(self.open_button, 0, 2)
        grid.addWidget(self.size_label, 1, 0)
        grid.addWidget(self.size_field, 1, 1, 1, 2)
        self.set_up = SetUp(session, viewer)
        self.sample = SampleMaker(viewer, self)
        grid.addWidget(self.set_up, 2, 0, 1, 3)
        grid.setColumnStretch(1, 1)
        self.layer_box.activated.connect(self._on_activated)
        self.open_file_action.triggered.connect(self._ask_for_file)
        self.open_folder_action.triggered.connect(self._ask_for_folder)
        self.sample_action.triggered.connect(self._on_sample_wanted)
        self.sample.made.connect(self.choose)
        self.sample.failed.connect(lambda error: self._session.said.emit(sentence_for(error), True))
        self.size_field.editingFinished.connect(self._on_size_typed)
        for emitter in (viewer.layers.events.inserted, viewer.layers.events.removed):
            emitter.connect(self._on_layers_changed)
        self._list_layers()

    @property
    def layer(self) -> Image | None:
        """The layer in use."""
        return self._layer

    def candidates(self) -> tuple[Image, ...]:
        """Return the layers that can be learned from."""
        return tuple(self._layers)

    def choose(self, layer: Image | None) -> None:
        """Use a layer, as if the user had picked it."""
        self._layer = layer
        self._list_layers()
        size = voxel_size_of(layer) if layer is not None else None
        self.size_field.setText(voxel_size_text(size).removesuffix(" nm") if size else "")
        self._announce()

    def set_busy(self, busy: bool) -> None:
        """Keep the stack while a training is under way."""
        for widget in (self.layer_box, self.open_button, self.size_field):
            widget.setEnabled(not busy)
        self.set_up.set_busy(busy)

    def close_down(self) -> None:
        """Listen to the viewer no more."""
        self.set_up.close_down()
        self.sample.close_down()
        for emitter in (self._viewer.layers.events.inserted, self._viewer.layers.events.removed):
            emitter.disconnect(self._on_layers_changed)

    def _announce(self) -> None:
        volume: Volume | None = None
        if self._layer is not None:
            try:
                typed = self.size_field.text().strip()
                volume = volume_of(self._layer, parse_voxel_size(typed) if typed else None)
            except MissingVoxelSize as error:
                self._session.said.emit(str(error), False)
                self.size_field.setFocus()
            except InputError as error:
                self._session.said.emit(str(error), True)
        self.set_up.use(self._layer, volume)
        self.chosen.emit(self._layer, volume)

    def _on_layers_changed(self, event: Any = None) -> None:
        self._list_layers()
        if self._layer is not None and self._layer not in self._layers:
            # It was deleted; the run goes on, since its Volume still holds the data.
            self._layer = None
            if not self._session.is_busy:
                self.choose(self._layers[0] if self._layers else None)
        elif self._layer is None and self._layers and not self._session.is_busy:
            self.choose(self._layers[0])

    def _list_layers(self) -> None:
        self._layers = stack_layers(self._viewer)
        self.layer_box.blockSignals(True)
        self.layer_box.clear()
        self.layer_box.addItems([layer.name for layer in self._layers] or ["no stack in the viewer: open one"])
        self.layer_box.setCurrentIndex(self._layers.index(self._layer) if self._layer in self._layers else 0)
        self.layer_box.blockSignals(False)

    def _on_activated(self, row: int) -> None:
        if row < len(self._layers) and self._layers[row] != self._layer:
            self.choose(self._layers[row])

    def _on_size_typed(self) -> None:
        if self._layer is not None and self.size_field.isModified():
            self.size_field.setModified(False)
            self._announce()

    def _on_sample_wanted(self) -> None:
        self._session.said.emit("Making the sample stack: some seconds.", False)
        self.sample.begin()

    def _ask_for_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a stack", "", _FILES)
        if path:
            self.path_chosen.emit(path)

    def _ask_for_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open a Zarr store or a folder of sections")
        if path:
            self.path_chosen.emit(path)
