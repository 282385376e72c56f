"""MRC files, by memory map."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np
from mrcfile.utils import data_dtype_from_header, data_shape_from_header

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.axes import choose_axes
from napari_em_autoclass.io.request import build_volume, refuse_dataset, refuse_level, stack_name
from napari_em_autoclass.io.units import to_nm

if TYPE_CHECKING:
    from pathlib import Path

    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.io.request import ReadRequest

__all__ = ["FORMAT", "can_read", "read"]

FORMAT = "MRC (.mrc, .mrcs, .rec, .map, .st)"
_SUFFIXES = {".mrc", ".mrcs", ".rec", ".map", ".st", ".ccp4"}


def can_read(path: Path) -> bool:
    """Tell whether `path` is an MRC file, by its suffix."""
    return path.is_file() and path.suffix.lower() in _SUFFIXES


def read(path: Path, request: ReadRequest) -> Volume:
    """Return an MRC file as a volume, without reading voxels.

    Mode 0 is signed 8 bit, as in the MRC2014 standard; older files that meant unsigned come out shifted, which the
    normalisation of the stack doesn't mind as long as it does not wrap.

    Raises
    ------
    InputError
        If the header is damaged, the file is cut off, or it holds no stack of real numbers.
    """
    name = stack_name(path)
    refuse_dataset(request, name)
    refuse_level(request, name)
    with warnings.catch_warnings():
        # mrcfile warns of odd headers that it can read all the same.
        warnings.simplefilter("ignore", RuntimeWarning)
        with mrcfile.open(path, mode="r", permissive=True, header_only=True) as file:
            header = file.header
            if header is None or bytes(header.map).strip(b"\0 ") not in {b"MAP", b""} or min(_counts(header)) < 1:
                raise InputError(
                    f"{name}: no valid MRC header in {path.name}; the file is damaged or of another format"
                )
            shape, dtype = data_shape_from_header(header), data_dtype_from_header(header)
            offset = header.nbytes + int(header.nsymbt)
            sizes = file.voxel_size.copy()
    needed = offset + math.prod(map(int, shape)) * dtype.itemsize
    if path.stat().st_size < needed:
        raise InputError(f"{name}: the file is cut off ({path.stat().st_size} of {needed} bytes); copy it again")
    data = np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=shape)
    axes = choose_axes(shape, _axes(header, len(shape)), request.axes, name)
    scale = {axis.upper(): to_nm(sizes[axis], "angstrom") for axis in "zyx"}
    return build_volume(data, axes, scale, request, (name, str(path)))


def _counts(header: Any) -> tuple[int, int, int]:
    return int(header.nz), int(header.ny), int(header.nx)


def _axes(header: Any, n_axes: int) -> str | None:
    """Return the letters of (sections, rows, columns); the header may say that columns are not x."""
    order = [int(header.maps), int(header.mapr), int(header.mapc)]
    letters = "".join("XYZ"[n - 1] for n in order) if sorted(order) == [1, 2, 3] else "ZYX"
    return {3: letters, 4: "N" + letters}.get(n_axes)
