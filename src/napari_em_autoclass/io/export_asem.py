"""Groups of classes as predictions in a store of the layout of ASEM and incasem: one array of 0 and 1 an organelle."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.scores.stream import open_ids
from napari_em_autoclass.io.asem import PREDICTIONS
from napari_em_autoclass.io.output import new_output
from napari_em_autoclass.io.pyramid import boxes
from napari_em_autoclass.io.zarr_store import is_zarr

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from napari_em_autoclass.core.volume import ArrayLike

__all__ = ["AsemTarget", "write_asem"]

_CHUNKS = (64, 64, 64)
_READ = (64, 512, 512)  # whole chunks, 16 MB of a class map


@dataclass(frozen=True, slots=True)
class AsemTarget:
    """Where predictions lie, and how they came about.

    Parameters
    ----------
    voxel_size_nm : (z, y, x)
    offset_nm : of the first voxel from that of the grey values, (z, y, x)
    provenance : anything that JSON can hold
    """

    voxel_size_nm: tuple[float, float, float]
    offset_nm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    provenance: dict[str, Any] = field(default_factory=dict)


def write_asem(
    store: Path,
    classes: ArrayLike,
    organelles: Mapping[str, Sequence[int]],
    target: AsemTarget,
    overwrite: bool = False,
) -> tuple[Path, ...]:
    """Write ``volumes/predictions/<organelle>``, 0 and 1 as uint8, into a new or an existing store of Zarr 2.

    Parameters
    ----------
    store : a folder; other arrays in it stay as they are
    classes : (Z, Y, X) integers; read a block at a time
    organelles : the classes that mean each
    target : see `AsemTarget`
    overwrite : whether a prediction of that name may be replaced, when the new one is complete

    Returns
    -------
    where the predictions are

    Raises
    ------
    InputError
        If a name can't be one of a folder, classes aren't integers, one exists, or the disk can't be written.
    """
    ids = open_ids(classes, "class map")
    for name, members in organelles.items():
        if not re.fullmatch(r"[\w][\w .+-]*", name) or not members:
            raise InputError(
                f"organelle {name!r} with classes {list(members)}: give a plain name and at least one class"
            )
    if store.exists() and not is_zarr(store):
        raise InputError(f"{store}: is there and no Zarr store; choose another name")
    folder = store / PREDICTIONS
    attributes: dict[str, Any] = {
        "resolution": _plain(target.voxel_size_nm),
        "offset": _plain(target.offset_nm),
        "provenance": target.provenance,
    }
    if not store.parent.is_dir():
        raise InputError(f"{store}: the folder {store.parent} does not exist; create it first")
    zarr.open_group(store, mode="a", zarr_format=2).require_group(PREDICTIONS)
    written = []
    for name, members in organelles.items():
        with new_output(folder / name, overwrite) as partial:
            about: dict[str, Any] = {**attributes, "classes": list(members)}
            chunks = tuple(min(n, chunk) for n, chunk in zip(ids.shape_zyx, _CHUNKS, strict=True))
            array = zarr.create_array(
                partial, shape=ids.shape_zyx, chunks=chunks, dtype="uint8", zarr_format=2, attributes=about
            )
            for box in boxes(ids.shape_zyx, _READ):
                array[box.slices] = np.isin(ids.read(box), list(members)).astype(np.uint8)
        written.append(folder / name)
    return tuple(written)


def _plain(numbers: Sequence[float]) -> list[int | float]:
    """Return whole numbers as integers, which readers of this layout expect."""
    return [int(number) if float(number).is_integer() else float(number) for number in numbers]
