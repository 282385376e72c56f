"""What the OME-Zarr of a class map tells besides its voxels: NGFF 0.5, with names, colours and provenance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from napari_em_autoclass.io.class_map_target import ClassMapTarget

__all__ = ["PROJECT_KEY", "class_attributes", "probability_attributes"]

PROJECT_KEY: Final = "napari-em-autoclass"
_VERSION: Final = "0.5"


def class_attributes(target: ClassMapTarget, levels: list[tuple[int, int, int]]) -> dict[str, Any]:
    """Return the attributes of a label image whose levels span so many voxels of level 0 along z, y, x."""
    ome = {"version": _VERSION, "multiscales": [_multiscale(target, levels)], "image-label": _image_label(target)}
    return {"ome": ome, PROJECT_KEY: _project(target)}


def probability_attributes(target: ClassMapTarget) -> dict[str, Any]:
    """Return the attributes of the image (c, z, y, x) of probabilities."""
    axes = [{"name": "c", "type": "channel"}, *_axes()]
    scale = {"type": "scale", "scale": [1.0, *target.voxel_size_nm]}
    multiscale = {
        "name": f"{target.name} probabilities",
        "axes": axes,
        "datasets": [{"path": "0", "coordinateTransformations": [scale, *_corner(target)]}],
    }
    # 255 is a probability of 1; channel i belongs to class i + 1.
    project = {**_project(target), "probability_of_255": 1.0, "class_of_channel": list(range(1, target.n_classes + 1))}
    return {"ome": {"version": _VERSION, "multiscales": [multiscale]}, PROJECT_KEY: project}


def _axes() -> list[dict[str, str]]:
    return [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]


def _multiscale(target: ClassMapTarget, levels: list[tuple[int, int, int]]) -> dict[str, Any]:
    datasets = []
    for index, factors in enumerate(levels):
        scale = [size * f for size, f in zip(target.voxel_size_nm, factors, strict=True)]
        # The centre of a coarse voxel is the centre of the voxels it stands for.
        sides = zip(target.voxel_size_nm, target.corner_zyx, factors, strict=True)
        shift = [size * (first + (f - 1) / 2) for size, first, f in sides]
        moves: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
        if index or any(shift):
            moves.append({"type": "translation", "translation": shift})
        datasets.append({"path": str(index), "coordinateTransformations": moves})
    return {"name": target.name, "axes": _axes(), "datasets": datasets, "type": "mode"}


def _corner(target: ClassMapTarget) -> list[dict[str, Any]]:
    """Return the translation of the image of probabilities, none where it covers the whole volume."""
    shift = [size * first for size, first in zip(target.voxel_size_nm, target.corner_zyx, strict=True)]
    return [{"type": "translation", "translation": [0.0, *shift]}] if any(shift) else []


def _image_label(target: ClassMapTarget) -> dict[str, Any]:
    label: dict[str, Any] = {}
    colors = [(i, target.rgb(i)) for i in sorted(target.colors)]
    if colors:
        label["colors"] = [{"label-value": i, "rgba": [*rgb, 255]} for i, rgb in colors if rgb is not None]
    if target.names:
        label["properties"] = [{"label-value": i, "name": target.names[i]} for i in sorted(target.names)]
    return label


def _project(target: ClassMapTarget) -> dict[str, Any]:
    return {"n_classes": target.n_classes, "provenance": target.provenance}
