"""The picture answers: what is under the pointer, and which class a double-click meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.gui.layers import ClassLayers

__all__ = ["Picker"]


class Picker(QObject):
    """Listens to the canvas of `viewer`; `close` lets go of it.

    The class under the pointer stands in napari's status bar, at the right, where its hints for the mouse are.

    Parameters
    ----------
    viewer, layers : whose canvas, and what is in it
    class_map : gives the decisions of now
    """

    picked = Signal(int, object)  # shown id, voxel (z, y, x)

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
        self._before: tuple[float, Any] | None = None
        # First and last: a double-click in napari zooms in, which would take away what was pointed at.
        viewer.mouse_double_click_callbacks.insert(0, self._remember)
        viewer.mouse_double_click_callbacks.append(self._on_double_click)
        viewer.mouse_move_callbacks.append(self._on_move)

    def close(self) -> None:
        """Let go of the viewer."""
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
        found, class_map = self._found(event.position), self._class_map()
        if found is not None and class_map is not None and found[1] in class_map.ids:
            self._say(f"{class_map.name_of(found[1])}, {100 * found[2]:.0f} % sure")
        elif self._said:
            self._say("")

    def _found(self, position: Any) -> tuple[tuple[int, int, int], int, float] | None:
        return self._layers.at(position) if self._viewer.dims.ndisplay == 2 else None

    def _say(self, sentence: str) -> None:
        if self._said and not sentence:
            active = self._viewer.layers.selection.active
            self._viewer.help = active.help if active is not None else ""
        elif sentence != self._said:
            self._viewer.help = sentence
        self._said = sentence
