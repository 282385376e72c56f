"""From a rectangle the user drew to the rows and columns of the stack it lies on."""

from __future__ import annotations

import numpy as np
from napari.layers import Image, Shapes
from napari.viewer import Viewer

from napari_em_autoclass.core.errors import InputError

__all__ = ["rectangle_on"]


def rectangle_on(viewer: Viewer, layer: Image) -> tuple[int, int, int, int]:
    """Return (y0, y1, x0, x1), half-open, in voxels of `layer`: of the selected shape, else of the last one drawn.

    Raises
    ------
    InputError
        If there is none, or it doesn't lie on the stack.
    """
    shapes = [found for found in viewer.layers if isinstance(found, Shapes) and len(found.data)]
    active = viewer.layers.selection.active
    chosen = active if active in shapes else (shapes[-1] if shapes else None)
    if chosen is None:
        raise InputError("Draw a rectangle in a Shapes layer first, then press this again.")
    corners = chosen.data[min(chosen.selected_data) if chosen.selected_data else -1]
    point = tuple(viewer.dims.point)
    world = [point[: len(point) - chosen.ndim] + tuple(chosen.data_to_world(corner)) for corner in corners]
    on_stack = np.array([layer.world_to_data(place[-layer.ndim :]) for place in world])[:, -2:]
    shape = (layer.data[0] if layer.multiscale else layer.data).shape[-2:]
    # A voxel reaches half its size to either side of its place.
    low = np.clip(np.round(on_stack.min(axis=0) + 0.5), 0, shape).astype(int)
    high = np.clip(np.round(on_stack.max(axis=0) + 0.5), 0, shape).astype(int)
    if (high <= low).any():
        raise InputError("The rectangle does not lie on the stack; draw it over what you want to learn from.")
    return int(low[0]), int(high[0]), int(low[1]), int(high[1])
