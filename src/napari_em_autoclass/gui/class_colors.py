"""Class ids as napari colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import Colormap, DirectLabelColormap

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.split import Split

__all__ = ["LabelsLook", "colors_of", "label_colors", "towards", "whole_classes"]


_CLEAR = "#00000000"


def colors_of(class_map: ClassMap) -> dict[int, str]:
    """Return the colour of each id: those of a group alike, hidden and "not classified" transparent.

    As '#rrggbb', or '#rrggbb00' for what doesn't show: napari remembers how it read a colour that is written, and
    takes seven times as long over one in numbers.
    """
    own = {class_id: class_map.own(class_id)[1] for class_id in class_map.ids}
    # A class that is split has no row, and no pixels either while its parts show.
    colors = {i: f"{color}00" if i in class_map.hidden else color for i, color in own.items()}
    for group in class_map.groups:
        shown = f"{group.color}00" if class_map.hidden.issuperset(group.members) else group.color
        colors |= dict.fromkeys(group.members, shown)
    return {0: _CLEAR, **colors}


def label_colors(class_map: ClassMap) -> DirectLabelColormap:
    """Return `colors_of` as napari wants them."""
    return _colormap(colors_of(class_map))


class LabelsLook:
    """Gives a labels layer the colours and names of the classes, and nothing that it has already.

    napari draws a layer anew whenever it is given colours, and makes a table of what it is told; a name changes no
    colour, and an eye no name.
    """

    def __init__(self) -> None:
        self._layer: Labels | None = None
        self._colors: dict[int, str] = {}
        self._table: Mapping[str, Sequence[object]] = {}

    def color(self, layer: Labels, class_map: ClassMap) -> None:
        """Give `layer` the colours of `class_map`."""
        colors = colors_of(class_map)
        self._turn_to(layer)
        if colors != self._colors:
            self._colors = colors
            layer.colormap = _colormap(colors)

    def describe(self, layer: Labels, table: Mapping[str, Sequence[object]]) -> None:
        """Give `layer` a table with a row per id."""
        self._turn_to(layer)
        if table != self._table:
            self._table = table
            layer.features = table

    def _turn_to(self, layer: Labels) -> None:
        if layer is not self._layer:
            self._layer, self._colors, self._table = layer, {}, {}


def _colormap(colors: dict[int, str]) -> DirectLabelColormap:
    shown: dict[int | None, Any] = {None: _CLEAR}
    shown |= colors.items()
    return DirectLabelColormap(color_dict=shown)


def towards(color: str) -> Colormap:
    """Return the colours from black to `color`, for a probability."""
    return Colormap(["#000000", color], name=f"black to {color}")


def whole_classes(splits: tuple[Split, ...]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return the table from ids with parts to those of whole classes, (256,) uint8."""
    table = np.arange(256, dtype=np.uint8)
    for split in splits:
        table[list(split.ids)] = split.class_id
    return table
