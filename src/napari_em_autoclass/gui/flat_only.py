"""Keeps layers that are known section by section out of the 3D view, where a large one would be uploaded whole.

napari slices all layers for the new view before any plugin hears of it: what it gets of a large map then is one empty
voxel (`LiveMap`).  Such a layer must not stay visible, since napari would look for a value outside that voxel.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer

from napari_em_autoclass.gui.live_map import MOST_IN_3D

__all__ = ["FlatOnly"]


class FlatOnly:
    """Hides large layers while the viewer shows 3D; small ones stay.

    Parameters
    ----------
    viewer : whose view
    changed : called with whether something is hidden, whenever that changes
    """

    def __init__(self, viewer: Viewer, changed: Callable[[bool], object]) -> None:
        self._viewer, self._changed = viewer, changed
        self._watched: dict[Layer, Callable[[Any], None]] = {}
        self._hidden: list[Layer] = []
        viewer.dims.events.ndisplay.connect(self._on_ndisplay)

    def watch(self, layer: Layer) -> None:
        """Keep a layer out of the 3D view from now on, if it is large."""
        if np.prod(layer.data.shape[-3:], dtype=np.int64) > MOST_IN_3D:
            self._watched[layer] = partial(self._on_visible, layer)
            layer.events.visible.connect(self._watched[layer])
            self._on_visible(layer)

    def forget(self, layer: Layer) -> None:
        """Watch a layer no more; it keeps the eye it has."""
        if layer in self._watched:
            layer.events.visible.disconnect(self._watched.pop(layer))
        if layer in self._hidden:
            self._hidden.remove(layer)
            self._changed(bool(self._hidden))

    def close(self) -> None:
        """Let go of the viewer; what was hidden shows again in 2D only if it was closed there."""
        self._viewer.dims.events.ndisplay.disconnect(self._on_ndisplay)
        for layer in list(self._watched):
            self.forget(layer)

    def _on_ndisplay(self, event: Any = None) -> None:
        if self._viewer.dims.ndisplay == 3:
            for layer in self._watched:
                self._on_visible(layer)
            return
        hidden, self._hidden = self._hidden, []
        for layer in hidden:
            layer.visible = True
        if hidden:
            self._changed(False)

    def _on_visible(self, layer: Layer, event: Any = None) -> None:
        if self._viewer.dims.ndisplay == 3 and layer.visible:
            if layer not in self._hidden:
                self._hidden.append(layer)
            layer.visible = False
            self._changed(True)
