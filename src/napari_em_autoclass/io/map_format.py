"""Which format a class map is written in: its name says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.tensor_array import tensorstore_for

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MapFormat", "map_format"]

MapFormat = Literal["zarr", "tiff", "precomputed"]
_SUFFIXES: dict[str, MapFormat] = {
    ".zarr": "zarr",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".precomputed": "precomputed",
}


def map_format(path: Path, *, probabilities: bool = False) -> MapFormat:
    """Return the format of a class map of that name.

    Raises
    ------
    InputError
        If the name ends like none, the format takes no `probabilities` and they are wanted, or a package is missing
        that writes it: better now than after hours of work.
    """
    found = _SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise InputError(f"{path}: end the name with .ome.zarr, .ome.tif or .precomputed, so that the format is clear")
    if probabilities and found != "zarr":
        raise InputError(f"{path}: probabilities are written as OME-Zarr only; choose a name ending in .ome.zarr")
    if found == "precomputed":
        tensorstore_for(path.name)
    return found
