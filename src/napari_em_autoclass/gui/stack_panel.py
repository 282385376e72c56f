"""Which stack to learn from: a layer of the viewer, or a file; the voxel size where it is not known."""

from __future__ import annotations

from typing import Any

from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QInputDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QWidget,
)

from napari_em_autoclass.core.errors import InputError, MissingVoxelSize
from napari_em_autoclass.core.events import Event, RunStarted
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.fitted_text import ElidedBox
from napari_em_autoclass.gui.leading_box import LeadingBox, leading_text
from napari_em_autoclass.gui.preload import import_soon
from napari_em_autoclass.gui.sample import SampleMaker
from napari_em_autoclass.gui.session import Session, sentence_for
from napari_em_autoclass.gui.set_up import SetUp
from napari_em_autoclass.gui.source import (
    finest,
    parse_voxel_size,
    stack_layers,
    volume_of,
    voxel_size_of,
    voxel_size_text,
)
from napari_em_autoclass.gui.viewpoint import show_leading

__all__ = ["StackPanel"]

_PRELOAD_AFTER_MS = 500  # first the stack is drawn
_FILES = "Stacks (*.tif *.tiff *.h5 *.hdf5 *.mrc *.rec *.npy);;All files (*)"


class StackPanel(QWidget):
    """Lists the layers that can be learned from; `chosen` carries the layer (or None) and its Volume (or None).

    `moved` carries the Volume of another time point (or channel) of the same layer.
    """

    title = "1  Stack"
    chosen = Signal(object, object)
    moved = Signal(object)
    path_chosen = Signal(str)

    def __init__(self, session: Session, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._viewer = session, viewer
        self._layers: list[Image] = []
        self._layer: Image | None = None
        self._data: Any = None  # of the layer, when it was announced
        self._learned_at = ""
        self.leading_box = LeadingBox(viewer)
        self.layer_box = ElidedBox()
        self.layer_box.setPlaceholderText("choose a stack")
        self.open_button = QPushButton("Open")
        menu = QMenu(self)
        self.open_file_action = menu.addAction("File…")
        self.open_folder_action = menu.addAction("Folder (Zarr, or a section per file)…")
        self.open_address_action = menu.addAction("Address of a Zarr store (s3://, gs://, https://)…")
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
        grid.addWidget(self.leading_box, 1, 0, 1, 3)
        grid.addWidget(self.size_label, 2, 0)
        grid.addWidget(self.size_field, 2, 1, 1, 2)
        self.set_up = SetUp(session, viewer)
        self.sample = SampleMaker(viewer, self)
        grid.addWidget(self.set_up, 3, 0, 1, 3)
        grid.setColumnStretch(1, 1)
        self.layer_box.activated.connect(self._on_activated)
        self.open_file_action.triggered.connect(self._ask_for_file)
        self.open_folder_action.triggered.connect(self._ask_for_folder)
        self.open_address_action.triggered.connect(self._ask_for_address)
        self.sample_action.triggered.connect(self._on_sample_wanted)
        self.sample.made.connect(self._on_sample_made)
        self.sample.failed.connect(lambda error: self._session.said.emit(sentence_for(error), True))
        self.size_field.editingFinished.connect(self._on_size_typed)
        self.leading_box.changed.connect(self._on_leading)
        session.happened.connect(self._on_event)
        events = viewer.layers.events
        self._emitters = (events.inserted, events.removed, events.reordered, events.renamed)
        for emitter in self._emitters:
            emitter.connect(self._on_layers_changed)
        self._list_layers()

    @property
    def layer(self) -> Image | None:
        """The layer in use."""
        return self._layer

    @property
    def leading(self) -> tuple[int, ...]:
        """Which time point, or channel, of the layer is the stack: an index into its axes before the last three."""
        return self.leading_box.index

    def candidates(self) -> tuple[Image, ...]:
        """Return the layers that can be learned from."""
        return tuple(self._layers)

    def choose(self, layer: Image | None, leading: tuple[int, ...] = ()) -> None:
        """Use a layer, as if the user had picked it, at an index of its leading axes, else where the viewer is."""
        if self._layer is not None:
            self._layer.events.data.disconnect(self._on_data)
        self._layer = layer
        if layer is not None:
            layer.events.data.connect(self._on_data)
        self._list_layers()
        self.leading_box.offer(layer)
        if layer is not None and leading:
            self.leading_box.set_index(leading)
            show_leading(layer, self._viewer, leading)
        size = voxel_size_of(layer) if layer is not None else None
        self.size_field.setText(voxel_size_text(size).removesuffix(" nm") if size else "")
        self._announce()

    def set_busy(self, busy: bool) -> None:
        """Keep the stack while a training is under way."""
        for widget in (self.layer_box, self.open_button, self.size_field, self.leading_box):
            widget.setEnabled(not busy)
        self.set_up.set_busy(busy)
        if not busy and self._layer is None and self._session.volume is not None:
            self.choose(None)  # it was removed meanwhile
        elif not busy:
            self._on_data()  # may have been replaced meanwhile

    def close_down(self) -> None:
        """Listen to the viewer no more."""
        self.set_up.close_down()
        self.sample.close_down()
        for emitter in self._emitters:
            emitter.disconnect(self._on_layers_changed)
        if self._layer is not None:
            self._layer.events.data.disconnect(self._on_data)
            self._layer = None

    def _announce(self) -> None:
        volume = self._volume()
        self.set_up.use(self._layer, volume)
        self.chosen.emit(self._layer, volume)
        if volume is not None:
            QTimer.singleShot(_PRELOAD_AFTER_MS, import_soon)

    def _volume(self) -> Volume | None:
        if self._layer is None:
            return None
        self._data = finest(self._layer)
        typed = self.size_field.text().strip()
        try:
            where = leading_text(self._layer, self.leading)
            return volume_of(self._layer, parse_voxel_size(typed) if typed else None, self.leading, where)
        except MissingVoxelSize as error:
            self._session.said.emit(str(error), False)
            self.size_field.setFocus()
        except InputError as error:
            self._session.said.emit(str(error), True)
        return None

    def _on_layers_changed(self, event: Any = None) -> None:
        self._list_layers()
        gone = self._layer if self._layer not in self._layers else None
        if gone is not None and self._session.is_busy:
            gone.events.data.disconnect(self._on_data)
            self._layer = None
            self._list_layers()
            self._session.stop(f"{gone.name} was removed from the viewer: learning stopped, what was learned is kept.")
        elif gone is not None:
            self.choose(self._layers[0] if self._layers else None)
        elif self._layer is None and self._layers and self._session.volume is None:
            self.choose(self._layers[0])

    def _on_data(self, event: Any = None) -> None:
        """Take other pixels for another stack; napari also says so when none have changed."""
        if self._layer is None or finest(self._layer) is self._data:
            return
        if self._session.is_busy:
            self._session.stop(f"The pixels of {self._layer.name} were replaced: learning stopped.")
            return
        self.leading_box.offer(self._layer)
        self._announce()

    def _on_leading(self, leading: tuple[int, ...]) -> None:
        volume = self._volume()
        if self._layer is None or volume is None:
            return
        show_leading(self._layer, self._viewer, leading)
        self.set_up.use(self._layer, volume)
        self.moved.emit(volume)
        here = leading_text(self._layer, leading)
        if self._session.run_dir is not None and self._learned_at not in ("", here):
            learned = f"Learned at {self._learned_at}, shown on {here}."
            self._session.said.emit(f"{learned} Learn begins anew on this one.", False)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, RunStarted) and self._layer is not None:
            self._learned_at = leading_text(self._layer, self.leading)

    def _list_layers(self) -> None:
        self._layers = stack_layers(self._viewer)
        self.layer_box.blockSignals(True)
        self.layer_box.clear()
        self.layer_box.addItems([layer.name for layer in self._layers] or ["no stack in the viewer: open one"])
        self.layer_box.setCurrentIndex(self._current_row())
        self.layer_box.blockSignals(False)

    def _current_row(self) -> int:
        if self._layer in self._layers:
            return self._layers.index(self._layer)
        return -1 if self._layers else 0

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

    def _on_sample_made(self, layer: Image) -> None:
        if self._session.is_busy:
            self._session.said.emit("The sample stack is there; choose it above when learning has ended.", False)
        else:
            self.choose(layer)

    def _ask_for_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a stack", "", _FILES)
        if path:
            self.path_chosen.emit(path)

    def _ask_for_address(self) -> None:
        address, _ = QInputDialog.getText(self, "Open a Zarr store", "Address, e.g. https://host/stack.ome.zarr")
        if address.strip():
            self.path_chosen.emit(address.strip())

    def _ask_for_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open a Zarr store or a folder of sections")
        if path:
            self.path_chosen.emit(path)
