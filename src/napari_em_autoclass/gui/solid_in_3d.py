"""Draws the class map solid in the 3D view, where the grey of the stack, seen through all its sections, drowns it.

The stack is the user's and stays as it is: our own layer gets opaque, which is enough, since it lies above the stack.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.layers import Labels
from napari.viewer import Viewer

__all__ = ["SolidIn3D"]


class SolidIn3D:
    """Makes a layer opaque while the viewer shows 3D, and gives it the opacity it had in 2D again.

    Parameters
    ----------
    viewer : whose view
    now : tells which layer, None while there is none
    """

    def __init__(self, viewer: Viewer, now: Callable[[], Labels | None]) -> None:
        self._viewer, self._now = viewer, now
        self._before: tuple[Labels, float] | None = None
        viewer.dims.events.ndisplay.connect(self.look)

    def look(self, event: Any = None) -> None:
        """Do what the view asks for now: call it when the layer is another one."""
        layer = self._now()
        if self._before is not None and (self._viewer.dims.ndisplay == 2 or self._before[0] is not layer):
            known, opacity = self._before
            self._before = None
            if known.opacity == 1.0:  # else the user chose another in 3D, and keeps it
                known.opacity = opacity
        if self._viewer.dims.ndisplay == 3 and layer is not None and self._before is None:
            self._before = (layer, float(layer.opacity))
            layer.opacity = 1.0

    def close(self) -> None:
        """Let go of the viewer; the layer stays as it looks."""
        self._viewer.dims.events.ndisplay.disconnect(self.look)
        self._before = None
