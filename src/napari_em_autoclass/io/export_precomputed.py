"""Class maps as precomputed segmentations: a folder that Neuroglancer opens, and webKnossos streams.

Source: the formats are described in Neuroglancer's repository, src/datasource/precomputed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import zarr

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.class_map_target import Blocks, ClassMapTarget, checked
from napari_em_autoclass.io.export_zarr import create_class_array
from napari_em_autoclass.io.output import new_output, scratch_folder
from napari_em_autoclass.io.pyramid import boxes, build_level, level_factors
from napari_em_autoclass.io.segment_properties import write_particulars
from napari_em_autoclass.io.tensor_array import kvstore_of, tensorstore_for

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from napari_em_autoclass.io.pyramid import Factors

__all__ = ["write_class_map_precomputed", "write_levels"]

# What Neuroglancer fetches and unpacks at once: a quarter of a million voxels, thin where sections are thick.
_CUBE: Final = (64, 64, 64)
_SLAB: Final = (16, 128, 128)
_PIECE: Final = (64, 512, 512)  # whole chunks of both kinds; 64 MiB as uint32


def write_class_map_precomputed(
    path: str | os.PathLike[str], blocks: Blocks, target: ClassMapTarget, overwrite: bool = False
) -> Path:
    """Write a class map as a precomputed segmentation with a pyramid, names, colours and a ready view.

    Blocks come in any order and size, while a file holds a chunk: they are collected in a temporary compressed store
    beside the output.

    Parameters
    ----------
    path : of the new folder
    blocks : boxes with their classes; taken one at a time
    target : grid, names, colours and provenance
    overwrite : whether a volume at `path` may be replaced, when the new one is complete

    Returns
    -------
    Path
        Where the class map is.

    Raises
    ------
    InputError
        If `path` exists and `overwrite` is False, probabilities are asked for, TensorStore is not installed, or the
        disk is full or can't be written.
    ValueError
        If a block doesn't fit the target.
    """
    at = Path(path)
    if target.probabilities:
        raise InputError(f"{at}: probabilities are not written as a precomputed volume; choose OME-Zarr")
    tensorstore_for(at.name)
    with new_output(at, overwrite) as partial, scratch_folder(at) as spool:
        group = zarr.create_group(spool, zarr_format=3)
        array = create_class_array(group, "0", target.shape_zyx)
        for block in blocks:
            box, classes, _ = checked(block, target)
            array[box.slices] = classes
        write_levels(partial, _pyramid(group, array, target), target, at.name)
    return at


def write_levels(
    partial: Path, levels: Iterable[tuple[zarr.Array[Any], Factors]], target: ClassMapTarget, name: str
) -> None:
    """Write the levels of a class map into the new folder `partial`, a piece at a time, and what describes them.

    Parameters
    ----------
    partial : where to write
    levels : arrays uint8 (Z, Y, X), the finest first, and how many voxels of level 0 a voxel of each spans
    target : grid, names, colours and provenance
    name : that the folder is going to have
    """
    for array, factors in levels:
        store = _new_level(partial, array.shape, factors, target)
        for box in boxes(array.shape, _PIECE):
            classes = np.asarray(array[box.slices]).astype(np.uint32)
            # (z, y, x) to (x, y, z, channel); chunks full of 0 are left out, as the format allows
            store[(*reversed(box.slices), 0)].write(classes.T).result()
    write_particulars(partial, target, name)


def _new_level(partial: Path, shape_zyx: tuple[int, ...], factors: Factors, target: ClassMapTarget) -> Any:
    tensorstore = tensorstore_for(partial.name)
    size_nm = [size * f for size, f in zip(target.voxel_size_nm, factors, strict=True)]
    is_thick = size_nm[0] >= 2 * min(size_nm[1:])
    chunk = [min(side, n) for side, n in zip(_SLAB if is_thick else _CUBE, shape_zyx, strict=True)]
    corner = [first // f for first, f in zip(target.corner_zyx, factors, strict=True)]
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": kvstore_of(partial),
        "multiscale_metadata": {"type": "segmentation", "data_type": "uint32", "num_channels": 1},
        "scale_metadata": {
            "resolution": size_nm[::-1],
            "size": list(shape_zyx[::-1]),
            "voxel_offset": corner[::-1],
            "chunk_size": chunk[::-1],
            "encoding": "compressed_segmentation",
            "compressed_segmentation_block_size": [8, 8, 8],
        },
    }
    store = tensorstore.open(spec, create=True).result()
    return store[tensorstore.d[:].translate_to[0]]


def _pyramid(
    group: zarr.Group, array: zarr.Array[Any], target: ClassMapTarget
) -> Iterable[tuple[zarr.Array[Any], Factors]]:
    before: Factors = (1, 1, 1)
    for number, factors in enumerate(level_factors(target.shape_zyx, target.voxel_size_nm)):
        if number:
            z, y, x = (coarse // fine for coarse, fine in zip(factors, before, strict=True))
            shape = tuple(-(-n // f) for n, f in zip(target.shape_zyx, factors, strict=True))
            coarser = create_class_array(group, str(number), shape)
            build_level(array, coarser, (z, y, x))
            array, before = coarser, factors
        yield array, factors
