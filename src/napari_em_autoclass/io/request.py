"""What is asked of a reader, and the one way from a reader's array to a `Volume`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from napari_em_autoclass.core.chunk_grid import ChunkGrid
from napari_em_autoclass.core.errors import InputError, MissingVoxelSize
from napari_em_autoclass.core.volume import ArrayLike, Volume
from napari_em_autoclass.io.axes import Axes, as_zyx

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_em_autoclass.io.remote import Place

__all__ = ["MAX_CHUNK_BYTES", "LevelFit", "ReadRequest", "build_volume", "refuse_dataset", "refuse_level", "stack_name"]

MAX_CHUNK_BYTES: Final = 4 * 2**30
"""Of a chunk or a section that is decoded as a whole."""
_SUFFIXES = (
    *(".partial", ".tiff", ".tif", ".zarr", ".ome", ".hdf5", ".hdf", ".h5", ".mrc", ".rec", ".npy", ".npz"),
    *(".n5", ".precomputed"),
)


@dataclass(frozen=True, slots=True)
class LevelFit:
    """What a level of a pyramid is wanted for.

    Parameters
    ----------
    working_pixel_nm : pixel size at which classes are learned, or were
    trained_nm : voxel sizes (z, y, x) of the volumes that a run was trained on; a level of such a size comes first
    """

    working_pixel_nm: float
    trained_nm: tuple[tuple[float, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Which part of a file is wanted, and how to understand it; None leaves it to the file.

    Parameters
    ----------
    dataset : path of an array inside HDF5 or Zarr, or the index of a TIFF series
    level : resolution level of a pyramid; None is that which fits `fit`
    axes : what each axis of the array is, e.g. ``"ZYX"`` or ``"C[0]ZYX"``
    voxel_size_nm : (z, y, x) in nm, of the level that is read; stands above what the file says
    fit : what the level is wanted for; None is level 0, the finest
    """

    dataset: str | None = None
    level: int | None = None
    axes: str | None = None
    voxel_size_nm: tuple[float, float, float] | None = None
    fit: LevelFit | None = None


def stack_name(path: Place) -> str:
    """Return the name of the stack at `path`: the file name without its suffixes of format."""
    name = path.name
    while (stem := name[: name.rfind(".")] if "." in name[1:] else "") and name.lower().endswith(_SUFFIXES):
        name = stem
    return name or str(path)


def build_volume(
    data: ArrayLike, axes: Axes, scale_nm: Mapping[str, float | None], request: ReadRequest, source: tuple[str, str]
) -> Volume:
    """Return the lazy volume of a reader's array.

    Parameters
    ----------
    data : array with the axes of `axes`, or already reduced to (Z, Y, X)
    axes : the axes of `data`
    scale_nm : nm per voxel for the letters ``"Z"``, ``"Y"``, ``"X"``, as far as the file tells
    request : what was asked
    source : name of the stack, and the text that opens it again

    Raises
    ------
    InputError
        If the stack has a single section, pixels that can't be used, or pieces in storage that are too large.
    MissingVoxelSize
        If neither the request nor the file holds a voxel size.
    """
    name, origin = source
    if (needed := _bytes_at_once(data)) > MAX_CHUNK_BYTES:
        raise InputError(
            f"{name}: is stored in pieces of {needed / 2**30:.1f} GiB, which must be read as a whole; "
            f"save it in smaller ones, {MAX_CHUNK_BYTES / 2**30:g} GiB at most"
        )
    stack = as_zyx(data, axes)
    if stack.shape[0] < 2:
        raise InputError(f"{name}: holds a single section, but classes are learnt from neighbouring ones; give a stack")
    if request.voxel_size_nm is not None:
        z, y, x = request.voxel_size_nm
        return Volume(stack, (z, y, x), name, origin)
    sizes = [scale_nm.get(letter) for letter in "ZYX"]
    known = [size for size in sizes if size is not None]
    if len(known) < 3:
        raise MissingVoxelSize(
            f"{name}: the file doesn't say the voxel size{_partly(sizes)}; "
            "pass --voxel-size Z Y X in nm, or fill in the voxel size in the dock"
        )
    return Volume(stack, (known[0], known[1], known[2]), name, origin)


def _bytes_at_once(data: ArrayLike) -> int:
    """Return what must be held in memory to read one voxel; 0 where a voxel can be read alone."""
    chunks, grid = getattr(data, "chunks", None), getattr(data, "chunk_grid", None)
    sizes = grid.sizes if isinstance(grid, ChunkGrid) else chunks if isinstance(chunks, tuple) else (0,)
    return math.prod(map(int, sizes)) * int(np.dtype(data.dtype).itemsize)


def refuse_dataset(request: ReadRequest, name: str) -> None:
    """Refuse a wish for a dataset in a format that holds one array only.

    Raises
    ------
    InputError
        If the request names a dataset.
    """
    if request.dataset is not None:
        raise InputError(f"{name}: holds one stack and no dataset {request.dataset!r}; leave the dataset out")


def refuse_level(request: ReadRequest, name: str) -> None:
    """Refuse a wish for a resolution level of an array without a pyramid.

    Raises
    ------
    InputError
        If the request names a level other than 0.
    """
    if request.level not in (None, 0):
        raise InputError(f"{name}: has one resolution level and no level {request.level}; leave the level out")


def _partly(sizes: list[float | None]) -> str:
    if all(size is None for size in sizes):
        return ""
    told = ", ".join(f"{axis} {size:g} nm" for axis, size in zip("zyx", sizes, strict=True) if size is not None)
    return f" along every axis (only {told})"
