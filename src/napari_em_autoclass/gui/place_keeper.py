"""Stays at the section that is looked at when a layer goes."""

from __future__ import annotations

from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import QTimer

__all__ = ["PlaceKeeper"]


class PlaceKeeper:
    """Takes the viewer back to its section where napari 0.9.2 jumps to the last one.

    Between layers in nm and one in pixels napari uses no units, and its slider counts nm.  Once the one in pixels goes,
    the slider counts sections again, and Qt cuts its value, which still is in nm, to the last of them.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._before: tuple[Any, tuple[float, ...]] | None = None  # units and place, before a layer goes
        self._emitters = (viewer.layers.events.removing, viewer.layers.events.removed)
        self._emitters[0].connect(self._on_removing)
        self._emitters[1].connect(self._on_removed)

    def close(self) -> None:
        """Let the viewer jump."""
        self._before = None
        self._emitters[0].disconnect(self._on_removing)
        self._emitters[1].disconnect(self._on_removed)

    def _on_removing(self, event: Any = None) -> None:
        # Of several that go at once the place before the first counts; before napari 0.9 there are no units.
        if self._before is None:
            self._before = (getattr(self._viewer.dims, "units", ()), tuple(self._viewer.dims.point))

    def _on_removed(self, event: Any = None) -> None:
        QTimer.singleShot(0, self._put_back)  # when the sliders have been told

    def _put_back(self) -> None:
        before, self._before = self._before, None
        dims = self._viewer.dims
        if before is None or before[0] is not None or dims.units is None or len(before[1]) != dims.ndim:
            return
        if tuple(dims.point) != before[1]:
            dims.set_point(range(dims.ndim), before[1])
