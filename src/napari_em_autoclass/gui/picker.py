"""The picture answers: what is under the pointer, and which class a double-click meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal
from superqt.utils import qthrottled

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.gui.layers import ClassLayers

__all__ = ["Picker"]

_TELL_MS = 40


class Picker(QObject):
    """Listens to the canvas of `viewer`; `close` lets go of it.

    The class under the pointer is told by a signal: in napari's status bar it would be overwritten by the value of the
    active layer, which is the user's to choose.

    Parameters
    ----------
    viewer, layers : whose canvas, and what is in it
    class_map : gives the decisions of now
    """

    picked = Signal(int, object)  # shown id, voxel (z, y, x)
    pointed = Signal(str)  # name and probability of the class under the pointer, "" where none is known

    def __init__(
        self,
        viewer: Viewer,
        layers: ClassLayers,
        class_map: Callable[[], ClassMap | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._layers, self._class_map = viewer, layers, class_map
        self._said = ""
        self._position: Any = ()
        self._tell = qthrottled(self._tell_now, timeout=_TELL_MS)
        self._before: tuple[float, Any] | None = None
        # First and last: a double-click in napari zooms in, which would take away what was pointed at.
        viewer.mouse_double_click_callbacks.insert(0, self._remember)
        viewer.mouse_double_click_callbacks.append(self._on_double_click)
        viewer.mouse_move_callbacks.append(self._on_move)

    def close(self) -> None:
        """Let go of the viewer."""
        self._tell.cancel()
        for callbacks, own in (
            (self._viewer.mouse_double_click_callbacks, self._remember),
            (self._viewer.mouse_double_click_callbacks, self._on_double_click),
            (self._viewer.mouse_move_callbacks, self._on_move),
        ):
            if own in callbacks:
                callbacks.remove(own)

    def _camera(self) -> Any:
        viewer = self._viewer
        return viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera

    def _remember(self, _: Viewer, event: Any) -> None:
        camera = self._camera()
        self._before = (camera.zoom, camera.center)

    def _on_double_click(self, _: Viewer, event: Any) -> None:
        found, class_map = self._found(event.position), self._class_map()
        # With a modifier the click is napari's own.
        if found is None or class_map is None or self._before is None or tuple(event.modifiers):
            return
        camera = self._camera()
        camera.zoom, camera.center = self._before
        self.picked.emit(class_map.shown_id(found[1]), found[0])

    def _on_move(self, _: Viewer, event: Any) -> None:
        self._position = tuple(event.position)
        self._tell()

    def _tell_now(self) -> None:
        found, class_map = self._found(self._position), self._class_map()
        words = ""
        if found is not None and class_map is not None and found[1] in class_map.ids:
            words = f"{class_map.name_of(found[1])}, {100 * found[2]:.0f} % sure"
        if words != self._said:
            self._said = words
            self.pointed.emit(words)

    def _found(self, position: Any) -> tuple[tuple[int, int, int], int, float] | None:
        return self._layers.at(position) if self._viewer.dims.ndisplay == 2 else None
