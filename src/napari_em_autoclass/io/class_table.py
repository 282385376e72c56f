"""The classes of a map as a table: shares and volumes, for spreadsheets and statistics."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_em_autoclass.io.output import new_output

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from napari_em_autoclass.core.volume import ArrayLike

__all__ = ["ClassRow", "count_voxels", "write_class_table"]

_HEADER = ("id", "shown_id", "name", "color", "share", "voxels", "volume_um3")
# Counting widens the ids to 8 bytes: 32 MiB.
_SLAB_VOXELS = 2**22


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class of the table.

    Parameters
    ----------
    id : of the class, 1 to K
    shown_id : the id of the merged class that it shows as; its own where it isn't merged
    name : of the class as shown
    color : ``#rrggbb``
    voxels : how many the class has
    """

    id: int
    shown_id: int
    name: str
    color: str
    voxels: int


def write_class_table(
    path: str | os.PathLike[str],
    rows: Iterable[ClassRow],
    voxel_size_nm: tuple[float, float, float],
    overwrite: bool = False,
) -> Path:
    """Write the classes as CSV: id, shown id, name, colour, share of all voxels in the rows, voxels, volume in µm³.

    Returns
    -------
    Path
        Where the table is.

    Raises
    ------
    InputError
        If `path` exists and `overwrite` is False, or can't be written.
    """
    at, listed = Path(path), list(rows)
    total = sum(row.voxels for row in listed)
    voxel_um3 = float(np.prod(voxel_size_nm)) * 1e-9
    with new_output(at, overwrite) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(_HEADER)
        for row in listed:
            share = f"{row.voxels / total if total else 0.0:.6f}"
            volume = f"{row.voxels * voxel_um3:.6g}"
            table.writerow([row.id, row.shown_id, row.name, row.color, share, row.voxels, volume])
    return at


def count_voxels(class_map: ArrayLike, n_classes: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return how many voxels each id has, shape (K + 1,), reading some sections at a time.

    Parameters
    ----------
    class_map : (Z, Y, X) integers from 0 to K
    n_classes : K
    """
    n_sections, y, x = class_map.shape
    step = max(1, _SLAB_VOXELS // max(1, y * x))
    counts = np.zeros(n_classes + 1, np.int64)
    for z in range(0, n_sections, step):
        slab = np.asarray(class_map[z : z + step, :, :]).ravel()
        counts += np.bincount(slab, minlength=n_classes + 1)
    return counts
