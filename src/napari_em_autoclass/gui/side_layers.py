"""Maps beside the class map: of another recipe, kept from an earlier step, or taught by paint."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.colormaps import DirectLabelColormap
from napari.viewer import Viewer

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.gui.at_index import placed
from napari_em_autoclass.gui.class_colors import label_colors
from napari_em_autoclass.gui.comparison import ComparedMap
from napari_em_autoclass.gui.live_map import LiveMap
from napari_em_autoclass.gui.source import OURS, shape_of, transform_of
from napari_em_autoclass.gui.teaching import TaughtMap

__all__ = ["ComparedLayer", "TaughtLayer"]

_OPACITY = 0.5
_COMPARED_OPACITY = 0.6


class ComparedLayer:
    """The class map of one section by one of several recipes, as a layer of `viewer`: one at a time."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._layer: Labels | None = None

    def keep(self, source: Image, compared: ComparedMap) -> None:
        """Add the map as a layer that does not show yet; selection and section stay as they are."""
        selected, active = set(self._viewer.layers.selection), self._viewer.layers.selection.active
        step = self._viewer.dims.point
        self.show(source, compared)
        if self._layer is not None:
            self._layer.visible = False
        self._viewer.dims.point = step
        self._viewer.layers.selection = selected
        self._viewer.layers.selection.active = active

    def show(self, source: Image, compared: ComparedMap, leading: tuple[int, ...] = ()) -> None:
        """Lay the map on `source`, at an index of its leading axes, in place of the one before; go to its section."""
        lengths, shape = shape_of(source)
        live = LiveMap(shape)
        live.put(compared.z, compared.corner_yx, compared.classes)
        data = placed(live, lengths, leading)
        name = f"{compared.title} · {source.name}"
        if self._layer is None or self._layer not in self._viewer.layers:
            colors = label_colors(ClassMap.fresh(compared.n_classes))
            look: dict[str, Any] = {"colormap": colors, "opacity": _COMPARED_OPACITY, "multiscale": False}
            self._layer = Labels(data, metadata={OURS: "compared"}, **look, **transform_of(source))
            self._viewer.add_layer(self._layer)
            self._layer.editable = False
        else:
            self._layer.data = data
            self._layer.colormap = label_colors(ClassMap.fresh(compared.n_classes))
        self._layer.name = name
        self._layer.visible = True
        place = np.array(source.data_to_world((*leading, compared.z, *compared.corner_yx)))
        self._viewer.dims.set_point(self._viewer.dims.ndim - 3, float(place[-3]))


class TaughtLayer:
    """What was found of what somebody painted, as a layer of `viewer` in the colours of the paint."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._layer: Labels | None = None

    def show(self, painted: Labels, taught: TaughtMap) -> None:
        """Lay the map under the paint, in place of the one before; other layers stay as they are."""
        shape = painted.data.shape
        live = LiveMap((int(shape[0]), int(shape[1]), int(shape[2])))
        for z, classes in taught.sections:
            live.put(z, (0, 0), classes)
        colors: dict[int | None, Any] = {None: (0.0, 0.0, 0.0, 0.0), 0: (0.0, 0.0, 0.0, 0.0)}
        colors |= {kind: painted.get_color(kind) for kind in taught.ids}
        if self._layer is not None and self._layer in self._viewer.layers:
            self._layer.data = live
            self._layer.colormap = DirectLabelColormap(color_dict=colors)
            return
        look: dict[str, Any] = {"colormap": DirectLabelColormap(color_dict=colors), "opacity": _OPACITY}
        self._layer = Labels(
            live,
            name=f"found · {painted.name}",
            multiscale=False,
            metadata={OURS: "taught"},
            **look,
            **transform_of(painted),
        )
        active = self._viewer.layers.selection.active
        self._viewer.layers.insert(self._viewer.layers.index(painted), self._layer)
        self._layer.editable = False
        self._viewer.layers.selection.active = active  # the painter goes on painting
