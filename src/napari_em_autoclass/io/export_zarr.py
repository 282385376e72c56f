"""Class maps as OME-Zarr from blocks of any size, streamed one by one; what a run predicts goes by `predict_map`.

NGFF 0.5 on Zarr v3: the version that the specification, napari-ome-zarr, Neuroglancer and Fiji's readers now share.
The probabilities go to a store beside it and not into a group inside, because napari's own reader opens the first
group of a store, so that it would show the probabilities instead of the classes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import zarr

from napari_em_autoclass.io.class_map_metadata import PROJECT_KEY, class_attributes, probability_attributes
from napari_em_autoclass.io.class_map_target import Blocks, ClassMapTarget, checked
from napari_em_autoclass.io.output import new_output
from napari_em_autoclass.io.pyramid import build_level, level_factors

if TYPE_CHECKING:
    import os

__all__ = ["PROJECT_KEY", "create_class_array", "probabilities_path", "write_class_map_zarr"]

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
    group = zarr.create_group(partial, zarr_format=3, attributes=class_attributes(target, levels))
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
    group = zarr.create_group(partial, zarr_format=3, attributes=probability_attributes(target))
    shape = (target.n_classes, *target.shape_zyx)
    chunks = (1, *(min(chunk, n) for chunk, n in zip(_CHUNKS, target.shape_zyx, strict=True)))
    return group.create_array("0", shape=shape, chunks=chunks, dtype="uint8", dimension_names=("c", "z", "y", "x"))
