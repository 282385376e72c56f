"""Class maps as OME-TIFF, section by section, with a colour table that Fiji and others show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
import zarr

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.class_map_target import Blocks, ClassMapTarget, checked
from napari_em_autoclass.io.export_zarr import PROJECT_KEY, create_class_array
from napari_em_autoclass.io.output import new_output, scratch_folder

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

__all__ = ["write_class_map_tiff", "write_sections"]

# One section thick: a section is read back without its neighbours, however large it is.
_SPOOL_CHUNKS = (1, 512, 512)


def write_class_map_tiff(
    path: str | os.PathLike[str], blocks: Blocks, target: ClassMapTarget, overwrite: bool = False
) -> Path:
    """Write a class map as a compressed OME-TIFF of uint8 sections.

    Names, colours and provenance are JSON in a comment of the OME-XML. A TIFF wants whole sections in order, while
    blocks come in any order: they are collected in a temporary compressed store beside the output.

    Parameters
    ----------
    path : of the new file
    blocks : boxes with their classes; taken one at a time
    target : grid, names, colours and provenance
    overwrite : whether a file at `path` may be replaced, when the new one is complete

    Returns
    -------
    Path
        Where the class map is.

    Raises
    ------
    InputError
        If `path` exists and `overwrite` is False, probabilities are asked for, or the disk is full or can't be written.
    ValueError
        If a block doesn't fit the target.
    """
    at = Path(path)
    if target.probabilities:
        raise InputError(f"{at}: probabilities are not written as TIFF; choose OME-Zarr")
    with new_output(at, overwrite) as partial, scratch_folder(at) as spool:
        array = create_class_array(zarr.create_group(spool, zarr_format=3), "0", target.shape_zyx, _SPOOL_CHUNKS)
        for block in blocks:
            box, classes, _ = checked(block, target)
            array[box.slices] = classes
        write_sections(partial, array, target)
    return at


def write_sections(partial: Path, array: zarr.Array[Any], target: ClassMapTarget) -> None:
    """Write the class map in `array` (Z, Y, X) to the file `partial`, a section at a time."""
    z_nm, y_nm, x_nm = target.voxel_size_nm
    units = {f"PhysicalSize{axis}Unit": "nm" for axis in "XYZ"}
    sizes = {"PhysicalSizeX": x_nm, "PhysicalSizeY": y_nm, "PhysicalSizeZ": z_nm}
    project = {
        "n_classes": target.n_classes,
        "names": target.names,
        "colors": target.colors,
        "provenance": target.provenance,
    }
    comment = {"Namespace": PROJECT_KEY, "Value": json.dumps(project)}
    with tifffile.TiffWriter(partial, ome=True, bigtiff=np.prod(target.shape_zyx, dtype=float) > 2**31) as file:
        file.write(
            _sections(array),
            shape=target.shape_zyx,
            dtype="uint8",
            photometric="palette",
            colormap=_colormap(target),
            compression="zlib",
            resolution=(1e7 / x_nm, 1e7 / y_nm),
            resolutionunit="CENTIMETER",
            metadata={"axes": "ZYX", "Name": target.name, **sizes, **units, "CommentAnnotation": comment},
        )


def _sections(array: zarr.Array[Any]) -> Iterator[np.ndarray[Any, Any]]:
    for z in range(array.shape[0]):
        yield np.asarray(array[z])


def _colormap(target: ClassMapTarget) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Return the colour table, shape (3, 256), 0 to 65535; an id without a colour is as grey as its number."""
    table = np.tile(np.arange(256, dtype=np.uint16), (3, 1))
    for class_id in target.colors:
        table[:, class_id] = target.rgb(class_id) or 0
    return table * np.uint16(257)
