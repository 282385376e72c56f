"""What the user looks at, as a request to the trainer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from superqt.utils import qthrottled

from napari_em_autoclass.core.events import CutRequest, ViewRequest
from napari_em_autoclass.gui.place_keeper import PlaceKeeper
from napari_em_autoclass.gui.source import shape_of

__all__ = ["FULL_SECTION_PX", "ViewFollower", "go_to", "in_units_of", "show_leading", "view_of"]

FULL_SECTION_PX = 2048**2  # larger sections, and cuts, are classified only where they are visible
_MARGIN = 0.1  # of the visible region on each side, so that small moves of the camera need no new answer


class ViewFollower:
    """Calls back with a new request whenever the viewer shows another section, cut or region of a layer."""

    def __init__(self, viewer: Viewer, changed: Callable[[ViewRequest | CutRequest], None]) -> None:
        self._viewer = viewer
        self._changed = changed
        self._layer: Layer | None = None
        self._leading: tuple[int, ...] = ()
        self._last: ViewRequest | CutRequest | None = None
        self._place = PlaceKeeper(viewer)
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

    def follow(self, layer: Layer | None, leading: tuple[int, ...] = ()) -> None:
        """Follow another layer, at an index into its axes before the last three; or none."""
        self._layer, self._leading = layer, leading
        self._last = None
        self.look()

    def look(self) -> None:
        """Call back if what is seen has changed."""
        request = view_of(self._viewer, self._layer, self._leading) if self._layer is not None else None
        if request is not None and not (self._last and _contains(self._last, request)):
            self._last = request
            self._changed(request)

    def close(self) -> None:
        """Stop following for good."""
        self._layer = None
        self._look.cancel()
        self._place.close()
        for emitter in self._emitters:
            emitter.disconnect(self._on_moved)

    def _on_moved(self, event: Any = None) -> None:
        if self._layer is not None:
            self._look()


def view_of(viewer: Viewer, layer: Layer, leading: tuple[int, ...] = ()) -> ViewRequest | CutRequest | None:
    """Return the section of `layer` in view, or the cut across its sections; of a large one the visible part.

    None when neither is in view: in 3D, at another time, with time as an axis of the picture, or when the layer has
    left the viewer.

    Parameters
    ----------
    leading : index into the axes of the layer before the last three, such as its time
    """
    n_leading = layer.ndim - 3
    if layer not in viewer.layers or n_leading != len(leading) or viewer.dims.ndisplay != 2:
        return None
    shown = sorted(axis - (viewer.dims.ndim - layer.ndim) for axis in viewer.dims.displayed)
    if shown[0] < n_leading:
        return None
    point = np.round(layer.world_to_data(in_units_of(layer, viewer, viewer.dims.point)))
    if tuple(int(i) for i in point[:n_leading]) != leading:
        return None
    lengths, in_stack = shape_of(layer)
    shape = (*lengths, *in_stack)
    across = ({0, 1, 2} - {axis - n_leading for axis in shown}).pop()
    at = int(np.clip(point[n_leading + across], 0, shape[n_leading + across] - 1))
    bounds = [(at, at + 1)] * 3
    high, wide = (shape[axis] for axis in shown)
    visible = [(0, high), (0, wide)] if high * wide <= FULL_SECTION_PX else _visible(layer, shown, (high, wide))
    for axis, seen in zip(shown, visible, strict=True):
        bounds[axis - n_leading] = seen
    z, y, x = bounds
    return ViewRequest(at, *y, *x) if across == 0 else CutRequest(*z, *y, *x)


def in_units_of(layer: Layer, viewer: Viewer, position: Sequence[float]) -> np.ndarray[Any, Any]:
    """Return a position in the viewer, its last axes in the layer's units (the viewer may show other ones)."""
    own: np.ndarray[Any, Any] = np.asarray(position, float)[-layer.ndim :] * _factors(layer, viewer)
    return own


def go_to(layer: Layer, viewer: Viewer, place: Sequence[int]) -> None:
    """Show the section of a voxel (z, y, x) of `layer`, the voxel in the middle; how close one looks stays."""
    if layer not in viewer.layers:
        return
    n = viewer.dims.ndim
    # Where there is a time too, it stays.
    now = layer.world_to_data(in_units_of(layer, viewer, viewer.dims.point))[: layer.ndim - len(place)]
    world = np.asarray(layer.data_to_world((*now, *place)), float) / _factors(layer, viewer)
    for axis, value in zip(range(n - layer.ndim, n), world, strict=True):
        viewer.dims.set_point(axis, float(value))
    camera = viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera
    in_picture = [float(world[axis - n + layer.ndim]) for axis in viewer.dims.displayed]
    camera.center = tuple([0.0, *in_picture][-3:])


def show_leading(layer: Layer, viewer: Viewer, leading: tuple[int, ...]) -> None:
    """Show `layer` at an index of its axes before the last three, such as time; the place in the stack stays."""
    here = layer.world_to_data(in_units_of(layer, viewer, viewer.dims.point))
    world = np.asarray(layer.data_to_world((*leading, *here[len(leading) :])), float) / _factors(layer, viewer)
    first = viewer.dims.ndim - layer.ndim
    for axis in range(len(leading)):
        viewer.dims.set_point(first + axis, float(world[axis]))


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


def _visible(layer: Layer, axes: Sequence[int], lengths: tuple[int, int]) -> list[tuple[int, int]]:
    """Return what the canvas shows along two axes, with a margin, at most FULL_SECTION_PX voxels."""
    corners = np.asarray(layer.corner_pixels, float)
    if layer.multiscale:
        corners = corners * np.asarray(layer.downsample_factors)[layer.data_level]
    corners = corners[:, list(axes)]
    if (corners[1] <= corners[0]).any():  # never drawn yet
        corners = np.array([[0, 0], lengths], float)
    centre, half = corners.mean(0), (corners[1] - corners[0]) * (0.5 + _MARGIN)
    limit = int(FULL_SECTION_PX**0.5) / 2
    low = np.clip(np.floor(centre - np.minimum(half, limit)), 0, np.subtract(lengths, 1)).astype(int)
    high = np.clip(np.ceil(centre + np.minimum(half, limit)), low + 1, lengths).astype(int)
    return [(int(start), int(stop)) for start, stop in zip(low, high, strict=True)]


def _contains(old: ViewRequest | CutRequest, new: ViewRequest | CutRequest) -> bool:
    inside = old.y0 <= new.y0 and new.y1 <= old.y1 and old.x0 <= new.x0 and new.x1 <= old.x1
    if isinstance(old, ViewRequest) and isinstance(new, ViewRequest):
        return old.z == new.z and inside
    if isinstance(old, CutRequest) and isinstance(new, CutRequest):
        return old.is_row == new.is_row and old.z0 <= new.z0 and new.z1 <= old.z1 and inside
    return False
