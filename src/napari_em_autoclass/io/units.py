"""Lengths in files, converted to nm."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["scale_from_attributes", "to_nm"]

# Symbols are case-sensitive (Mm is not mm); names are not. 'micron' and the escaped µ are ImageJ's.
_SYMBOLS = {
    "pm": 1e-3, "Å": 0.1, "\u212b": 0.1, "A": 0.1, "nm": 1.0, "um": 1e3, "µm": 1e3, "\u03bcm": 1e3, "\\u00B5m": 1e3,
    "mm": 1e6, "cm": 1e7, "m": 1e9,
}  # fmt: skip
_NAMES = {
    "picometer": 1e-3, "angstrom": 0.1, "ångström": 0.1, "nanometer": 1.0, "micron": 1e3, "micrometer": 1e3,
    "millimeter": 1e6, "centimeter": 1e7, "meter": 1e9,
}  # fmt: skip


def to_nm(value: Any, unit: Any) -> float | None:
    """Return `value` in nm, or None where it isn't a positive number or `unit` isn't a unit of length (pixel, none)."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    text = unit.decode("utf-8", "replace") if isinstance(unit, bytes) else str(unit)
    text = text.strip()
    name = text.lower().removesuffix("s").replace("metre", "meter")
    factor = _SYMBOLS.get(text, _NAMES.get(name))
    if factor is None or not math.isfinite(number) or number <= 0:
        return None
    # The product of a decimal and a power of ten carries noise in the last digit: 0.004 um is 4 nm.
    return float(f"{number * factor:.12g}")


def scale_from_attributes(attributes: dict[str, Any], n_axes: int) -> tuple[float, ...] | None:
    """Return the nm per voxel of each array axis as HDF5 and Zarr attributes tell it, or None.

    Conventions, in this order: ``element_size_um`` (Fiji, PlantSeg, ilastik; µm), ``voxel_size_nm``, ``resolution``
    (CREMI, CellMap; nm) and ``voxel_size`` (funlib; nm). A ``unit`` or ``units`` attribute stands above the unit of the
    last two. The numbers are in the order of the array's axes; three numbers belong to the last three axes.
    """
    unit = attributes.get("units", attributes.get("unit", "nm"))
    conventions = {"element_size_um": "um", "voxel_size_nm": "nm", "resolution": unit, "voxel_size": unit}
    for key, key_unit in conventions.items():
        if key not in attributes:
            continue
        values = _as_list(attributes[key])
        units = _as_list(key_unit) if not isinstance(key_unit, (str, bytes)) else [key_unit] * len(values)
        sizes = [to_nm(*pair) for pair in zip(values, units, strict=False)]
        if len(sizes) == 3:
            sizes[:0] = [1.0] * (n_axes - 3)
        if len(sizes) == n_axes and all(size is not None for size in sizes):
            return tuple(size for size in sizes if size is not None)
    return None


def _as_list(value: Any) -> list[Any]:
    listed = value.tolist() if hasattr(value, "tolist") else value
    return list(listed) if isinstance(listed, (list, tuple)) else [listed]
