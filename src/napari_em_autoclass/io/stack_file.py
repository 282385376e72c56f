"""Small EM stacks as files: what `em-autoclass phantom` writes, and what the demo leaves beside its result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import tifffile
import zarr

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.output import new_output

if TYPE_CHECKING:
    import os

    import numpy as np

__all__ = ["is_tiff_name", "write_stack"]


def is_tiff_name(path: Path) -> bool:
    """Tell whether an output of that name is to be a TIFF (True) or an OME-Zarr (False).

    Raises
    ------
    InputError
        If the name ends like neither.
    """
    name = path.name.lower()
    if not name.endswith((".tif", ".tiff", ".zarr")):
        raise InputError(f"{path}: end the name with .ome.zarr or .ome.tif, so that the format is clear")
    return not name.endswith(".zarr")


def write_stack(
    path: str | os.PathLike[str],
    stack: np.ndarray[Any, Any],
    voxel_size_nm: tuple[float, float, float],
    overwrite: bool = False,
) -> Path:
    """Write a stack held in memory as OME-TIFF or OME-Zarr, as the suffix says, and return its path.

    Parameters
    ----------
    path : of the new file; a name ending in .tif, .tiff or .zarr
    stack : shape (Z, Y, X), any dtype that the format takes
    voxel_size_nm : (z, y, x) in nm
    overwrite : whether what is at `path` may be replaced, when the new stack is complete

    Raises
    ------
    InputError
        If the suffix is another, `path` exists and `overwrite` is False, or the disk is full or can't be written.
    """
    at = Path(path)
    write = _write_tiff if is_tiff_name(at) else _write_zarr
    with new_output(at, overwrite) as partial:
        write(partial, stack, voxel_size_nm)
    return at


def _write_tiff(at: Path, stack: np.ndarray[Any, Any], voxel_size_nm: tuple[float, float, float]) -> None:
    sizes = {f"PhysicalSize{axis}": size for axis, size in zip("ZYX", voxel_size_nm, strict=True)}
    units = {f"PhysicalSize{axis}Unit": "nm" for axis in "ZYX"}
    tifffile.imwrite(
        at,
        stack,
        ome=True,
        photometric="minisblack",  # never RGB, also where an axis is 3 or 4 long
        compression="zlib",
        metadata={"axes": "ZYX", **sizes, **units},
    )


def _write_zarr(at: Path, stack: np.ndarray[Any, Any], voxel_size_nm: tuple[float, float, float]) -> None:
    multiscale = {
        "axes": [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"],
        "datasets": [
            {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [float(s) for s in voxel_size_nm]}]}
        ],
    }
    attributes = {"ome": {"version": "0.5", "multiscales": [multiscale]}}
    group = zarr.create_group(at, zarr_format=3, attributes=attributes)
    chunks = tuple(min(length, chunk) for length, chunk in zip(stack.shape, (16, 256, 256), strict=True))
    array = group.create_array(
        "0", shape=stack.shape, chunks=chunks, dtype=stack.dtype, dimension_names=("z", "y", "x")
    )
    array[:] = stack
