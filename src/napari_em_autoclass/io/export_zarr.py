"""Class maps as OME-Zarr, streamed block by block.

NGFF 0.5 on Zarr v3: the version that the specification, napari-ome-zarr, Neuroglancer and Fiji's readers now share.
The probabilities go to a store beside it and not into a group inside, because napari's own reader opens the first
group of a store, so that it would show the probabilities instead of the classes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import zarr

from napari_em_autoclass.io.class_map_target import Blocks, ClassMapTarget, checked
from napari_em_autoclass.io.output import new_output
from napari_em_autoclass.io.pyramid import build_level, level_factors

if TYPE_CHECKING:
    import os

__all__ = ["PROJECT_KEY", "create_class_array", "probabilities_path", "write_class_map_zarr"]

PROJECT_KEY = "napari-em-autoclass"
_VERSION = "0.5"
# 1 MiB of labels before compression: a section of 2048 x 2048 touches 64 chunks, and a stack of 200 has 832 files.
_CHUNKS = (16, 256, 256)


def write_class_map_zarr(
    path: str | os.PathLike[str], blocks: Blocks, target: ClassMapTarget, overwrite: bool = False
) -> Path:
    """Write a class map as an OME-Zarr label image with a pyramid, and its probabilities beside it if it has any.

    Nothing appears at `path` before all blocks are written. Voxels that no block covers are 0, not classified.

    Parameters
    ----------
    path : of the new store; level 0 is its array ``"0"``, uint8 (Z, Y, X)
    blocks : boxes with their classes, and with their probabilities if `target.probabilities`; taken one at a time
    target : grid, names, colours and provenance
    overwrite : whether a store at `path` may be replaced, when the new one is complete

    Returns
    -------
    Path
        Where the class map is.

    Raises
    ------
    InputError
        If `path` exists and `overwrite` is False, or the disk is full or can't be written.
    ValueError
        If a block doesn't fit the target.
    """
    at = Path(path)
    with new_output(at, overwrite) as partial:
        if not target.probabilities:
            _write(partial, None, blocks, target)
        else:
            with new_output(probabilities_path(at), overwrite) as partial_probs:
                _write(partial, partial_probs, blocks, target)
    return at


def probabilities_path(path: Path) -> Path:
    """Return where the probabilities of the class map at `path` go: ``a.ome.zarr`` to ``a.probabilities.ome.zarr``."""
    stem, dot, suffix = path.name.partition(".")
    return path.with_name(f"{stem}.probabilities{dot}{suffix}")


def create_class_array(
    group: zarr.Group, name: str, shape_zyx: tuple[int, ...], chunks_zyx: tuple[int, int, int] = _CHUNKS
) -> zarr.Array[Any]:
    """Return a new compressed uint8 array (Z, Y, X) in `group`, full of 0."""
    chunks = tuple(min(chunk, n) for chunk, n in zip(chunks_zyx, shape_zyx, strict=True))
    return group.create_array(name, shape=shape_zyx, chunks=chunks, dtype="uint8", dimension_names=("z", "y", "x"))


def _write(partial: Path, partial_probs: Path | None, blocks: Blocks, target: ClassMapTarget) -> None:
    levels = level_factors(target.shape_zyx, target.voxel_size_nm)
    ome = {"version": _VERSION, "multiscales": [_multiscale(target, levels)], "image-label": _image_label(target)}
    group = zarr.create_group(partial, zarr_format=3, attributes={"ome": ome, PROJECT_KEY: _project(target)})
    array = create_class_array(group, "0", target.shape_zyx)
    probabilities = None if partial_probs is None else _create_probabilities(partial_probs, target)
    for block in blocks:
        box, classes, probs = checked(block, target)
        array[box.slices] = classes
        if probabilities is not None and probs is not None:
            probabilities[(slice(None), *box.slices)] = probs
    for level in range(1, len(levels)):
        shape = tuple(-(-n // f) for n, f in zip(target.shape_zyx, levels[level], strict=True))
        z, y, x = (coarse // fine for coarse, fine in zip(levels[level], levels[level - 1], strict=True))
        coarser = create_class_array(group, str(level), shape)
        build_level(array, coarser, (z, y, x))
        array = coarser


def _create_probabilities(partial: Path, target: ClassMapTarget) -> zarr.Array[Any]:
    axes = [{"name": "c", "type": "channel"}, *_axes()]
    scale = {"type": "scale", "scale": [1.0, *target.voxel_size_nm]}
    multiscale = {
        "name": f"{target.name} probabilities",
        "axes": axes,
        "datasets": [{"path": "0", "coordinateTransformations": [scale]}],
    }
    # 255 is a probability of 1; channel i belongs to class i + 1.
    project = {**_project(target), "probability_of_255": 1.0, "class_of_channel": list(range(1, target.n_classes + 1))}
    attributes = {"ome": {"version": _VERSION, "multiscales": [multiscale]}, PROJECT_KEY: project}
    group = zarr.create_group(partial, zarr_format=3, attributes=attributes)
    shape = (target.n_classes, *target.shape_zyx)
    chunks = (1, *(min(chunk, n) for chunk, n in zip(_CHUNKS, target.shape_zyx, strict=True)))
    return group.create_array("0", shape=shape, chunks=chunks, dtype="uint8", dimension_names=("c", "z", "y", "x"))


def _axes() -> list[dict[str, str]]:
    return [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]


def _multiscale(target: ClassMapTarget, levels: list[tuple[int, int, int]]) -> dict[str, Any]:
    datasets = []
    for index, factors in enumerate(levels):
        scale = [size * f for size, f in zip(target.voxel_size_nm, factors, strict=True)]
        # The centre of a coarse voxel is the centre of the voxels it stands for.
        shift = [size * (f - 1) / 2 for size, f in zip(target.voxel_size_nm, factors, strict=True)]
        moves: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
        if index:
            moves.append({"type": "translation", "translation": shift})
        datasets.append({"path": str(index), "coordinateTransformations": moves})
    return {"name": target.name, "axes": _axes(), "datasets": datasets, "type": "mode"}


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
