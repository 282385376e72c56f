"""What the user looks at, as a request to the trainer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from superqt.utils import qthrottled

from napari_em_autoclass.core.events import ViewRequest

__all__ = ["FULL_SECTION_PX", "ViewFollower", "go_to", "in_units_of", "view_of"]

FULL_SECTION_PX = 2048**2  # larger sections are classified only where they are visible
_MARGIN = 0.1  # of the visible region on each side, so that small moves of the camera need no new answer


class ViewFollower:
    """Calls back with a new ViewRequest whenever the viewer shows another section or region of a layer."""

    def __init__(self, viewer: Viewer, changed: Callable[[ViewRequest], None]) -> None:
        self._viewer = viewer
        self._changed = changed
        self._layer: Layer | None = None
        self._last: ViewRequest | None = None
        self._look = qthrottled(self.look, timeout=60)
        # napari 0.9 moved the camera; the old place warns there.
        camera = viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera
        self._emitters = (
            viewer.dims.events.current_step,
            viewer.dims.events.order,
            viewer.dims.events.ndisplay,
            camera.events.center,
            camera.events.zoom,
        )
        for emitter in self._emitters:
            emitter.connect(self._on_moved)

    def follow(self, layer: Layer | None) -> None:
        """Follow another layer, or none."""
        self._layer = layer
        self._last = None
        self.look()

    def look(self) -> None:
        """Call back if what is seen has changed."""
        request = view_of(self._viewer, self._layer) if self._layer is not None else None
        if request is not None and not (self._last and _contains(self._last, request)):
            self._last = request
            self._changed(request)

    def close(self) -> None:
        """Stop following for good."""
        self._layer = None
        self._look.cancel()
        for emitter in self._emitters:
            emitter.disconnect(self._on_moved)

    def _on_moved(self, event: Any = None) -> None:
        if self._layer is not None:
            self._look()


def view_of(viewer: Viewer, layer: Layer) -> ViewRequest | None:
    """Return the section of `layer` in view, or the visible part of a large one.

    None when no single section is in view: in 3D, with transposed axes, or when the layer has left the viewer.
    """
    if layer not in viewer.layers or layer.ndim != 3 or viewer.dims.ndisplay != 2:
        return None
    first = viewer.dims.ndim - layer.ndim
    if {axis - first for axis in viewer.dims.displayed} != {1, 2}:
        return None
    depth, height, width = (int(n) for n in (layer.data[0] if layer.multiscale else layer.data).shape)
    point = layer.world_to_data(in_units_of(layer, viewer, viewer.dims.point))
    z = int(np.clip(np.round(point[0]), 0, depth - 1))
    if height * width <= FULL_SECTION_PX:
        return ViewRequest(z, 0, height, 0, width)
    return ViewRequest(z, *_visible(layer, (height, width)))


def in_units_of(layer: Layer, viewer: Viewer, position: Sequence[float]) -> np.ndarray[Any, Any]:
    """Return a position in the viewer, its last axes in the layer's units (the viewer may show other ones)."""
    own: np.ndarray[Any, Any] = np.asarray(position, float)[-layer.ndim :] * _factors(layer, viewer)
    return own


def go_to(layer: Layer, viewer: Viewer, place: Sequence[int]) -> None:
    """Show the section of a voxel (z, y, x) of `layer`, the voxel in the middle; how close one looks stays."""
    if layer not in viewer.layers:
        return
    world = np.asarray(layer.data_to_world(place), float) / _factors(layer, viewer)
    n = viewer.dims.ndim
    for axis, value in zip(range(n - layer.ndim, n), world, strict=True):
        viewer.dims.set_point(axis, float(value))
    camera = viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera
    camera.center = tuple(float(x) for x in (0.0, *world)[-3:])


def _factors(layer: Layer, viewer: Viewer) -> np.ndarray[Any, Any]:
    """Return how many of the layer's units make one of the viewer's, per axis."""
    shown = getattr(viewer.dims, "units", None)  # napari before 0.9 has none: all layers share one unit there
    if shown is None:
        return np.ones(layer.ndim)
    pairs = zip(tuple(shown)[-layer.ndim :], tuple(layer.units), strict=True)
    return np.array([_factor(theirs, ours) for theirs, ours in pairs])


def _factor(theirs: Any, ours: Any) -> float:
    """Return how many of `ours` make one of `theirs` (pint units)."""
    return float((1 * theirs).to(ours).magnitude) if theirs.is_compatible_with(ours) else 1.0


def _visible(layer: Layer, shape_yx: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return y0, y1, x0, x1 of what the canvas shows, with a margin, at most FULL_SECTION_PX pixels."""
    corners = np.asarray(layer.corner_pixels, float)[:, -2:]
    if layer.multiscale:
        corners = corners * np.asarray(layer.downsample_factors)[layer.data_level][-2:]
    if (corners[1] <= corners[0]).any():  # never drawn yet
        corners = np.array([[0, 0], shape_yx], float)
    centre, half = corners.mean(0), (corners[1] - corners[0]) * (0.5 + _MARGIN)
    limit = int(FULL_SECTION_PX**0.5) / 2
    low = np.clip(np.floor(centre - np.minimum(half, limit)), 0, np.subtract(shape_yx, 1)).astype(int)
    high = np.clip(np.ceil(centre + np.minimum(half, limit)), low + 1, shape_yx).astype(int)
    return int(low[0]), int(high[0]), int(low[1]), int(high[1])


def _contains(old: ViewRequest, new: ViewRequest) -> bool:
    inside = old.y0 <= new.y0 and new.y1 <= old.y1 and old.x0 <= new.x0 and new.x1 <= old.x1
    return old.z == new.z and inside
