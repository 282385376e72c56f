"""Class ids as napari colours."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.utils.colormaps import Colormap, DirectLabelColormap

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.split import Split

__all__ = ["label_colors", "towards", "whole_classes"]


def label_colors(class_map: ClassMap) -> DirectLabelColormap:
    """Return the colours of classes and parts: those of a group alike, hidden and "not classified" transparent."""
    colors: dict[int | None, Any] = {None: (0.0, 0.0, 0.0, 0.0), 0: (0.0, 0.0, 0.0, 0.0)}
    for class_id in class_map.ids:
        color = class_map.color_of(class_id)
        red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
        colors[class_id] = (red, green, blue, 1.0 if class_map.is_visible(class_id) else 0.0)
    return DirectLabelColormap(color_dict=colors)


def towards(color: str) -> Colormap:
    """Return the colours from black to `color`, for a probability."""
    return Colormap(["#000000", color], name=f"black to {color}")


def whole_classes(splits: tuple[Split, ...]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return the table from ids with parts to those of whole classes, (256,) uint8."""
    table = np.arange(256, dtype=np.uint8)
    for split in splits:
        table[list(split.ids)] = split.class_id
    return table
