"""Single objects, numbered through a stack, as OME-Zarr labels or TIFF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
import zarr

from napari_em_autoclass.io.export_zarr import PROJECT_KEY
from napari_em_autoclass.io.output import new_output, scratch_folder
from napari_em_autoclass.io.stack_file import is_tiff_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["write_objects"]

_CHUNK_PX = 512


def write_objects(
    path: Path,
    sections: Iterable[tuple[int, NDArray[np.int32]]],
    shape_zyx: tuple[int, int, int],
    voxel_size_nm: tuple[float, float, float],
    overwrite: bool = False,
) -> Path:
    """Write objects as uint32, as TIFF or OME-Zarr by the name of `path`; nothing is left there if it fails.

    Parameters
    ----------
    path : of the new file or store
    sections : number and objects (Y, X) of each, in any order, taken one at a time; 0 is no object
    shape_zyx, voxel_size_nm : of the stack
    overwrite : whether what is there may be replaced, when the new one is complete

    Raises
    ------
    InputError
        If `path` exists and `overwrite` is False, or the disk is full or can't be written.
    """
    with new_output(path, overwrite) as partial:
        if not is_tiff_name(path):
            _fill(_create(partial, shape_zyx, voxel_size_nm, path), sections)
        else:
            with scratch_folder(path) as spool:
                array = _create(spool, shape_zyx, voxel_size_nm, path)
                _fill(array, sections)
                _write_tiff(partial, array, voxel_size_nm)
    return path


def _create(
    at: Path, shape_zyx: tuple[int, int, int], voxel_size_nm: tuple[float, float, float], path: Path
) -> zarr.Array[Any]:
    axes = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]
    scale = [{"type": "scale", "scale": list(voxel_size_nm)}]
    multiscale = {"name": path.name, "axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    attributes: dict[str, Any] = {
        "ome": {"version": "0.5", "multiscales": [multiscale], "image-label": {}},
        PROJECT_KEY: {"objects": True},
    }
    group = zarr.create_group(at, zarr_format=3, attributes=attributes)
    chunks = (1, *(min(n, _CHUNK_PX) for n in shape_zyx[1:]))  # sections come one by one
    return group.create_array("0", shape=shape_zyx, chunks=chunks, dtype="uint32", dimension_names=("z", "y", "x"))


def _fill(array: zarr.Array[Any], sections: Iterable[tuple[int, NDArray[np.int32]]]) -> None:
    for z, objects in sections:
        array[z] = objects.astype(np.uint32)


def _write_tiff(partial: Path, array: zarr.Array[Any], voxel_size_nm: tuple[float, float, float]) -> None:
    z_nm, y_nm, x_nm = voxel_size_nm
    sizes = {"PhysicalSizeX": x_nm, "PhysicalSizeY": y_nm, "PhysicalSizeZ": z_nm}
    units = {f"PhysicalSize{axis}Unit": "nm" for axis in "XYZ"}
    with tifffile.TiffWriter(partial, ome=True, bigtiff=array.nbytes > 2**31) as file:
        file.write(
            _each_section(array),
            shape=array.shape,
            dtype="uint32",
            photometric="minisblack",
            compression="zlib",
            metadata={"axes": "ZYX", **sizes, **units},
        )


def _each_section(array: zarr.Array[Any]) -> Iterator[NDArray[Any]]:
    for z in range(array.shape[0]):
        yield np.asarray(array[z])
