"""The viewer the walk-through takes place in: where things are on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import napari
import numpy as np
from napari._qt.dialogs.qt_notification import NapariQtNotification
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QMenuBar, QSlider, QStyle, QStyleOptionSlider, QTableWidget, QToolButton, QWidget
from vispy.gloo.globject import GLObject

from napari_em_autoclass.gui.dock import AutoclassDock
from napari_em_autoclass.gui.viewpoint import in_units_of
from walkthrough.hand import Blocked

if TYPE_CHECKING:
    from pathlib import Path

    from napari.layers import Image

__all__ = ["Room"]


class Room:
    """A napari window of `width` x `height`.

    Parameters
    ----------
    width, height : of the window, pixels
    file : the stack to open; None takes the sample
    truth : class ids, (Z, Y, X), and which of them are mitochondria; None where nothing is known of the stack
    """

    def __init__(
        self, width: int = 1366, height: int = 768, file: Path | None = None, truth: tuple[Any, int] | None = None
    ) -> None:
        # napari 0.9.2 alone, with vispy 0.17: after an image, a Shapes layer that is deleted and a Labels layer Mesa's
        # software renderer reads a buffer that is gone, and dies (napari#8471, on Windows).  May go when vispy does not
        # draw from what it has deleted; here it deletes nothing.
        GLObject.__del__ = lambda self: None
        self.viewer = napari.Viewer(title="EM Autoclass")
        self.window: Any = self.viewer.window._qt_window
        self.window.resize(width, height)
        self.file, self._truth = file, truth

    @property
    def menu_bar(self) -> QMenuBar:
        """The menu bar of napari."""
        return self.window.menuBar()

    @property
    def docks(self) -> list[AutoclassDock]:
        """All docks of this plugin, in the order they were opened."""
        return [w for w in self.window.findChildren(AutoclassDock) if w.isVisible()]

    @property
    def has_dock(self) -> bool:
        """Whether a dock is open."""
        return bool(self.docks)

    @property
    def dock(self) -> AutoclassDock:
        """The first dock."""
        return self.docks[0]

    @property
    def canvas(self) -> QWidget:
        """The widget the picture is drawn in."""
        return self.viewer.window._qt_viewer.canvas.native

    @property
    def layer(self) -> Image:
        """The stack learned from."""
        layer = self.dock._layer
        if layer is None:
            raise Blocked("no stack is chosen")
        return layer

    def names(self) -> list[str]:
        """Return the names in the list of classes."""
        class_map = self.dock.decisions.class_map
        return [class_map.name_of(row) for row in class_map.rows()] if class_map else []

    def class_at_centre(self) -> int | None:
        """Return the class id in the middle of the section in view, None while there is none."""
        layer = self.dock.layers.class_layer
        if layer is None:
            return None
        z, y, x = self.middle()
        return int(layer.data[z, y, x]) or None

    def middle(self) -> tuple[int, int, int]:
        """Return the voxel in the middle of the section in view."""
        _, height, width = self.layer.data.shape[-3:]
        return self.section(), height // 2, width // 2

    def section(self) -> int:
        """Return the index of the section in view."""
        depth = self.layer.data.shape[-3]
        point = self.layer.world_to_data(in_units_of(self.layer, self.viewer, self.viewer.dims.point))
        return int(np.clip(round(float(point[-3])), 0, depth - 1))

    def fold_button(self, title: str) -> QToolButton:
        """Return the title of a part of the dock."""
        for button in self.dock.findChildren(QToolButton):
            if button.text() == title and button.isVisible():
                return button
        raise Blocked(f"no part of the dock is called {title!r}")

    def spot_of(self, voxel: tuple[int, int, int]) -> QPoint:
        """Return where on the canvas a voxel of the section in view is drawn."""
        world = np.asarray(self.layer.data_to_world(voxel), float)
        qt_viewer = self.viewer.window._qt_viewer
        scene = qt_viewer.canvas.view.scene if hasattr(qt_viewer.canvas, "view") else None
        if scene is None:
            raise Blocked("the canvas has no scene")
        units = self.viewer_units()
        y, x = (float(w) / u for w, u in zip(world[-2:], units, strict=True))
        mapped = scene.transform.map([x, y, 0, 1])
        return QPoint(round(float(mapped[0] / mapped[3])), round(float(mapped[1] / mapped[3])))

    def viewer_units(self) -> tuple[float, float]:
        """Return how many units of the layer make one of the canvas, along y and x."""
        y, x = in_units_of(self.layer, self.viewer, np.ones(self.viewer.dims.ndim))[-2:]
        return float(y), float(x)

    def inside(self) -> tuple[int, int, int]:
        """Return a voxel well inside the largest mitochondrion of the section in view, or its middle."""
        if self._truth is None:
            return self.middle()
        from scipy import ndimage

        labels, wanted = self._truth
        z = self.section()
        depth = ndimage.distance_transform_edt(np.asarray(labels[z]) == wanted)
        if not depth.any():
            return self.middle()
        y, x = np.unravel_index(int(depth.argmax()), depth.shape)
        return z, int(y), int(x)

    def classes_on_screen(self) -> int:
        """Return how many classes the slice shown of the class layer holds."""
        return self.shown_values("classes ·")

    def shown_values(self, name: str) -> int:
        """Return how many values beside 0 the slice shown of the layer holds whose name begins so."""
        layer = next((layer for layer in self.viewer.layers if layer.name.startswith(name)), None)
        if layer is None:
            return 0
        shown = np.asarray(layer._slice.image.raw)
        return int(np.unique(shown[shown > 0]).size)

    # --- napari's own buttons ----------------------------------------------------------------------------------------

    def new_shapes_button(self) -> QWidget:
        """Return the button that adds a Shapes layer."""
        return self.window._qt_viewer.layerButtons.newShapesButton

    def new_labels_button(self) -> QWidget:
        """Return the button that adds a Labels layer."""
        return self.window._qt_viewer.layerButtons.newLabelsButton

    def delete_button(self) -> QWidget:
        """Return the button that deletes the layer that is selected."""
        return self.window._qt_viewer.layerButtons.deleteButton

    def roll_button(self) -> QWidget:
        """Return the button that shows the stack from the next side."""
        return self.window._qt_viewer.viewerButtons.rollDimsButton

    def home_button(self) -> QWidget:
        """Return the button that shows the whole picture."""
        return self.window._qt_viewer.viewerButtons.resetViewButton

    def section_slider(self) -> QWidget:
        """Return napari's slider through the sections, of the side that is shown."""
        shown = [row.slider for row in self.window._qt_viewer.dims.slider_widgets if row.slider.isVisible()]
        if not shown:
            raise Blocked("there is no slider through the sections")
        return shown[-1]

    def notices(self) -> list[QWidget]:
        """Return the buttons that close what napari has said over the picture."""
        return [box.close_button for box in self.window.findChildren(NapariQtNotification) if box.isVisible()]

    def ndisplay_button(self) -> QWidget:
        """Return the button that goes to 3D and back."""
        return self.window._qt_viewer.viewerButtons.ndisplayButton

    def paint_mode_button(self) -> QWidget:
        """Return the button that paints, of the Labels layer that is selected."""
        return self.window._qt_viewer.controls.widgets[self.viewer.layers.selection.active].paint_button

    def rectangle_mode_button(self) -> QWidget:
        """Return the button that draws rectangles, of the Shapes layer that is selected."""
        controls = self.window._qt_viewer.controls.widgets[self.viewer.layers.selection.active]
        return controls.rectangle_button

    @property
    def layer_list(self) -> QWidget:
        """The list of layers."""
        return self.window._qt_viewer.layers

    def row_in_layer_list(self, name: str) -> tuple[QWidget, QPoint]:
        """Return the list of layers and where a layer's row is in it."""
        view = self.window._qt_viewer.layers
        model = view.model()
        for row in range(model.rowCount()):
            index = model.index(row, 0)
            if index.data(Qt.ItemDataRole.DisplayRole) == name:
                return view.viewport(), view.visualRect(index).center()
        raise Blocked(f"no layer is called {name!r}")

    # --- places in the dock ------------------------------------------------------------------------------------------

    @staticmethod
    def handle_of(slider: QSlider) -> QPoint:
        """Return the middle of a slider's handle."""
        option = QStyleOptionSlider()
        slider.initStyleOption(option)
        style = slider.style()
        return style.subControlRect(
            QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderHandle, slider
        ).center()

    @staticmethod
    def tick_of(table: QTableWidget, row: int) -> QPoint:
        """Return where the box to tick is in a row of a table."""
        item = table.item(row, 0)
        table.scrollToItem(item)
        rect = table.visualItemRect(item)
        return QPoint(rect.left() + rect.height() // 2, rect.center().y())

    @staticmethod
    def row_named(panel: Any, name: str) -> int:
        """Return the row of a class in the list, by its name."""
        from napari_em_autoclass.gui.class_columns import Column

        for row in range(panel.rows.rowCount()):
            if panel.rows.index(row, Column.NAME).data() == name:
                return row
        raise Blocked(f"no class is called {name!r}")

    @staticmethod
    def row_spot(panel: Any, row: int) -> QPoint:
        """Return where the name of a row of the list of classes is."""
        from napari_em_autoclass.gui.class_columns import Column

        index = panel.rows.index(row, Column.NAME)
        panel.view.scrollTo(index)
        return panel.view.visualRect(index).center()
