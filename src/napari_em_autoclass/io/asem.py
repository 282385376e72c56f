"""The layout of the stores of ASEM and incasem: which array is what, and where it lies in the stack.

``volumes/raw_equalized_0.02``      grey values, equalised; or ``volumes/raw``
``volumes/labels/<organelle>``      0 and 1; often of a part of the stack only
``volumes/predictions/<name>``      what a program found

Each array has the attributes ``resolution`` and ``offset``, in nm, in the order z, y, x.

Source: github.com/kirchhausenlab/incasem (BSD-3), its documentation of the data format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import zarr

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io import remote

if TYPE_CHECKING:
    from pathlib import Path

    from napari_em_autoclass.io.remote import Place

__all__ = ["LABELS", "PREDICTIONS", "box_in_raw", "label_names", "raw_path", "store_of"]

LABELS, PREDICTIONS = "volumes/labels", "volumes/predictions"
_RAW = ("volumes/raw_equalized_0.02", "volumes/raw")
_ARRAY_MARKS = (".zarray", "zarr.json")


def raw_path(store: Place) -> str | None:
    """Return the path of the grey values inside a store of this layout; None if it is none."""
    return next((path for path in _RAW if _is_array(store / path)), None)


def label_names(store: Path) -> tuple[str, ...]:
    """Return the organelles for which a store has labels, in the order of the alphabet."""
    labels = store / LABELS
    return tuple(sorted(at.name for at in labels.iterdir() if _is_array(at))) if labels.is_dir() else ()


def store_of(array_at: Path) -> Path | None:
    """Return the store of this layout in which an array lies; None if it lies in none."""
    return next((above for above in array_at.parents if raw_path(above) is not None), None)


def box_in_raw(array_at: Path) -> Box | None:
    """Return which part of the grey values an array of the same store covers; None if it lies in no such store.

    Raises
    ------
    InputError
        If it has voxels of another size, or reaches beyond the grey values.
    """
    store = store_of(array_at)
    if store is None:
        return None
    raw, array = _open(store / str(raw_path(store))), _open(array_at)
    size = _numbers(raw, "resolution", 1.0)
    if _numbers(array, "resolution", 1.0) != size:
        raise InputError(f"{array_at.name}: its voxels have another size than the grey values; give them on one grid")
    shifts = [a - b for a, b in zip(_numbers(array, "offset", 0.0), _numbers(raw, "offset", 0.0), strict=True)]
    z, y, x = (round(shift / nm) for shift, nm in zip(shifts, size, strict=True))
    depth, height, width = array.shape
    box = Box(z, z + depth, y, y + height, x, x + width)
    if box.clipped((raw.shape[0], raw.shape[1], raw.shape[2])) != box:
        raise InputError(f"{array_at.name}: lies at {box}, outside of the grey values {raw.shape}; its offset is wrong")
    return box


def _is_array(at: Place) -> bool:
    is_node = any((at / mark).is_file() for mark in _ARRAY_MARKS)
    return is_node and isinstance(zarr.open(remote.store_of(at), mode="r"), zarr.Array)


def _open(at: Path) -> zarr.Array[Any]:
    node = zarr.open(at, mode="r")
    if not isinstance(node, zarr.Array) or len(node.shape) != 3:
        raise InputError(f"{at}: is no array with axes (Z, Y, X)")
    return node


def _numbers(array: zarr.Array[Any], key: str, default: float) -> tuple[float, float, float]:
    given: Any = array.attrs.get(key, [default] * 3)
    try:
        z, y, x = (float(value) for value in given)
    except (TypeError, ValueError) as error:
        raise InputError(f"{array.basename}: its {key} {given!r} is not three numbers in nm (z, y, x)") from error
    return z, y, x
