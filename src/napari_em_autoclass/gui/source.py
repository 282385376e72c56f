"""From the user's image layer to a Volume, and back to where a voxel of it lies on screen.

Nothing here reads pixels or changes a layer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from napari.layers import Image, Layer
from napari.viewer import Viewer

from napari_em_autoclass.core.errors import InputError, MissingVoxelSize
from napari_em_autoclass.core.volume import Volume

__all__ = [
    "finest",
    "parse_voxel_size",
    "shape_of",
    "stack_layers",
    "transform_of",
    "volume_of",
    "voxel_size_of",
    "voxel_size_text",
]

OURS = "napari-em-autoclass"  # key in the metadata of the layers we made
LEFT = "left"  # below it, with "run_dir": the dock that made the layer was closed
SOURCE = "napari-em-autoclass source"  # and of stacks we opened: where from


def stack_layers(viewer: Viewer) -> list[Image]:
    """Return the image layers that can be learned from: grey, three axes or more, not made by us."""
    return [
        layer
        for layer in viewer.layers
        if isinstance(layer, Image) and not layer.rgb and layer.ndim >= 3 and OURS not in layer.metadata
    ]


def voxel_size_of(layer: Layer) -> tuple[float, float, float] | None:
    """Return (z, y, x) in nm if the layer has physical units, else None: a scale without a unit means nothing."""
    factors = [_nm_per(unit) for unit in tuple(layer.units)[-3:]]
    sizes = tuple(abs(float(s)) * f for s, f in zip(tuple(layer.scale)[-3:], factors, strict=True) if f is not None)
    return (sizes[0], sizes[1], sizes[2]) if len(sizes) == 3 else None


def volume_of(
    layer: Image,
    voxel_size_nm: tuple[float, float, float] | None = None,
    leading: tuple[int, ...] = (),
    where: str = "",
) -> Volume:
    """Return the layer's data as a lazy Volume, of a multiscale layer the finest level.

    Parameters
    ----------
    layer : the stack
    voxel_size_nm : (z, y, x); None takes that of the layer
    leading : index into the axes before the last three, such as time
    where : the same in words, for name and provenance

    Raises
    ------
    MissingVoxelSize
        If none was given and the layer has no physical units.
    InputError
        If the data have not three axes (Z, Y, X) or are not grey values.
    """
    size = voxel_size_nm or voxel_size_of(layer)
    data = finest(layer)
    if leading:
        data = _Picked(data, leading)
    name = f"{layer.name} ({where})" if where else str(layer.name)
    path = layer.metadata.get(SOURCE) or getattr(layer.source, "path", None)
    source = str(path or f"napari layer {layer.name}") + (f", {where}" if where else "")
    # Axes first: asking for the voxel size of a stack that can't be used anyway would be a waste of the user's time.
    Volume(data, (1.0, 1.0, 1.0), name, source)
    if size is None:
        raise MissingVoxelSize(f"{name}: how large is a voxel? Fill in z, y and x in nm.")
    return Volume(data, size, name, source)


def parse_voxel_size(text: str) -> tuple[float, float, float]:
    """Return (z, y, x) in nm as typed: "50 4 4", "50 x 4 x 4", "50, 4, 4", or "10" for a cube.

    Raises
    ------
    InputError
        If it is not one or three positive numbers.
    """
    words = re.sub(r"nm|[×x,;]", " ", text.lower()).split()
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    if len(numbers) == 1:
        numbers *= 3
    if len(numbers) != 3 or not all(0 < number < 1e7 for number in numbers):
        raise InputError(f"voxel size {text!r} is not z y x in nm; write e.g. 50 4 4")
    return numbers[0], numbers[1], numbers[2]


def voxel_size_text(voxel_size_nm: tuple[float, float, float]) -> str:
    """Return the voxel size as people say it: "10 nm" for a cube, else "50 × 4 × 4 nm"."""
    z, y, x = (f"{round(size, 3):g}" for size in voxel_size_nm)
    return f"{z} nm" if z == y == x else f"{z} × {y} × {x} nm"


def finest(layer: Layer) -> Any:
    """Return a layer's data, of a multiscale layer the finest level."""
    return layer.data[0] if layer.multiscale else layer.data


def shape_of(layer: Layer) -> tuple[tuple[int, ...], tuple[int, int, int]]:
    """Return the lengths of a layer's leading axes, such as time, and of its last three; of a multiscale the finest."""
    lengths = tuple(int(n) for n in finest(layer).shape)
    z, y, x = lengths[-3:]
    return lengths[:-3], (z, y, x)


def transform_of(layer: Layer) -> dict[str, Any]:
    """Return what makes another layer lie exactly on `layer`."""
    return {
        "scale": layer.scale,
        "translate": layer.translate,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine,
        "units": tuple(layer.units),
        "axis_labels": tuple(layer.axis_labels),
    }


@dataclass(frozen=True)
class _Picked:
    """The lazy (Z, Y, X) part of an array with axes before these."""

    data: Any
    leading: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(int(n) for n in self.data.shape[len(self.leading) :])

    @property
    def dtype(self) -> Any:
        return self.data.dtype

    def __getitem__(self, key: Any) -> Any:
        return self.data[(*self.leading, *(key if isinstance(key, tuple) else (key,)))]


def _nm_per(unit: Any) -> float | None:
    """Return the nm in one `unit` (a pint unit), None if it is no length."""
    if not unit.is_compatible_with("nm"):
        return None
    return float((1 * unit).to("nm").magnitude)
