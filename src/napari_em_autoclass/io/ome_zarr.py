"""The metadata of OME-Zarr images (NGFF 0.1 to 0.5): axes, levels and voxel sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import zarr

from napari_em_autoclass.io.remote import store_of, way_inside
from napari_em_autoclass.io.units import to_nm

if TYPE_CHECKING:
    from napari_em_autoclass.io.remote import Place

__all__ = ["Multiscale", "find_multiscale", "multiscale_of", "ome_attributes"]

_LETTERS = {"channel": "C", "time": "T"}


@dataclass(frozen=True, slots=True)
class Multiscale:
    """A pyramid as its metadata tells it.

    Parameters
    ----------
    axes : one letter an axis, e.g. ``"CZYX"``
    paths : of the levels below the group, the finest first
    scales_nm : for each level and axis the nm per voxel; None where no unit of length is given
    """

    axes: str
    paths: tuple[str, ...]
    scales_nm: tuple[tuple[float | None, ...], ...]


def ome_attributes(group: zarr.Group) -> dict[str, Any]:
    """Return the OME metadata of a group: below ``ome`` since NGFF 0.5, at the top before."""
    attributes = dict(group.attrs)
    nested = attributes.get("ome")
    return dict(nested) if isinstance(nested, dict) else attributes


def multiscale_of(group: zarr.Group) -> Multiscale | None:
    """Return the first pyramid that the metadata of a group describes, or None."""
    listed = ome_attributes(group).get("multiscales")
    if not isinstance(listed, list) or not listed or not isinstance(listed[0], dict):
        return None
    datasets = [d for d in listed[0].get("datasets", []) if isinstance(d, dict) and "path" in d]
    if not datasets:
        return None
    # Before 0.3 the axes were not written and always these five.
    axes = [_axis(axis) for axis in listed[0].get("axes", list("tczyx"))]
    units = [unit for _, unit in axes]
    outer = _scale(listed[0], len(axes))
    scales = [_scale(dataset, len(axes)) for dataset in datasets]
    in_nm = [
        tuple(to_nm(a * b, unit) for a, b, unit in zip(scale, outer, units, strict=True)) if scale and outer else ()
        for scale in scales
    ]
    return Multiscale("".join(letter for letter, _ in axes), tuple(str(d["path"]) for d in datasets), tuple(in_nm))


def find_multiscale(array_at: Place) -> tuple[Multiscale, int] | None:
    """Return the pyramid in a folder above that lists the array at `array_at`, and its level in it."""
    for above in array_at.parents[:3]:
        if not any((above / mark).is_file() for mark in ("zarr.json", ".zgroup")):
            return None
        group = zarr.open(store_of(above), mode="r")
        multiscale = multiscale_of(group) if isinstance(group, zarr.Group) else None
        if multiscale is not None:
            path = way_inside(array_at, above)
            return (multiscale, multiscale.paths.index(path)) if path in multiscale.paths else None
    return None


def _axis(axis: Any) -> tuple[str, str | None]:
    """Return the letter and the unit of an axis: an object since NGFF 0.4, a bare name in 0.3."""
    name = str(axis.get("name", "")) if isinstance(axis, dict) else str(axis)
    unit = axis.get("unit") if isinstance(axis, dict) else None
    letter = name.upper() if len(name) == 1 else _LETTERS.get(name.lower(), "Q")
    return letter, unit


def _scale(holder: dict[str, Any], n_axes: int) -> list[float]:
    """Return the product of the scale transformations of a level, or [] where one can't be read."""
    scale = [1.0] * n_axes
    for transformation in holder.get("coordinateTransformations") or []:
        if transformation.get("type") != "scale":
            continue
        factors = transformation.get("scale")
        if not isinstance(factors, list) or len(factors) != n_axes:
            return []
        scale = [a * float(b) for a, b in zip(scale, factors, strict=True)]
    return scale
