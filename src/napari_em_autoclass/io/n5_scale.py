"""How large a voxel of an N5 dataset is, in the conventions of those who write EM volumes."""

from __future__ import annotations

from typing import Any

from napari_em_autoclass.io.units import to_nm

__all__ = ["level_scale"]


def level_scale(own: dict[str, Any], group: dict[str, Any], level: int) -> tuple[float | None, ...] | None:
    """Return the nm per voxel (z, y, x) of a level, or None where nothing says it.

    Conventions, in this order: ``transform`` (COSEM, OpenOrganelle: its axes are named, in the order of C);
    ``pixelResolution`` of the level, times its ``downsamplingFactors`` if it has any (n5-viewer, BigStitcher); that
    or ``resolution`` (Paintera) of the group, times the level's ``downsamplingFactors`` or the group's ``scales`` or
    ``downsamplingFactors`` at `level`.  All but the first are in the order of N5, x, y, z, and without a unit in nm.

    Parameters
    ----------
    own : attributes of the level
    group : attributes of the group that it lies in
    level : its number, 0 for the finest
    """
    if (told := _of_transform(own.get("transform"))) is not None:
        return told
    factors = _three(own.get("downsamplingFactors"))
    for key in ("pixelResolution", "resolution"):
        if (sizes := _of_resolution(own.get(key), own)) is not None:
            return _times(sizes, factors or (1.0, 1.0, 1.0))
    for key in ("pixelResolution", "resolution"):
        if (sizes := _of_resolution(group.get(key), group)) is not None:
            factors = factors or _at(group.get("scales"), level) or _at(group.get("downsamplingFactors"), level)
            return _times(sizes, factors) if factors or not level else None
    return None


def _of_transform(transform: Any) -> tuple[float | None, ...] | None:
    if not isinstance(transform, dict):
        return None
    axes, scale, units = (
        list(part) if isinstance(part := transform.get(key), list) else [] for key in ("axes", "scale", "units")
    )
    if not len(axes) == len(scale) == len(units):
        return None
    sizes = {str(axis).lower(): to_nm(*told) for axis, *told in zip(axes, scale, units, strict=True)}
    found = tuple(sizes.get(axis) for axis in "zyx")
    return found if None not in found else None


def _of_resolution(told: Any, holder: dict[str, Any]) -> tuple[float | None, ...] | None:
    """Return (z, y, x) of an object of dimensions and unit, or of a bare list beside which the unit may stand."""
    unit = told.get("unit", "nm") if isinstance(told, dict) else holder.get("unit", holder.get("units", "nm"))
    sizes = told.get("dimensions") if isinstance(told, dict) else told
    if not isinstance(sizes, list) or len(sizes) != 3:
        return None
    units = unit if isinstance(unit, list) and len(unit) == 3 else [unit] * 3
    found = tuple(to_nm(*each) for each in zip(reversed(sizes), reversed(units), strict=True))
    return found if None not in found else None


def _times(sizes: tuple[float | None, ...], factors: tuple[float, ...] | None) -> tuple[float | None, ...]:
    """Return (z, y, x) times factors (x, y, z)."""
    return tuple(
        to_nm(size * factor, "nm") if size is not None else None
        for size, factor in zip(sizes, reversed(factors or (1.0,) * 3), strict=True)
    )


def _at(factors: Any, level: int) -> tuple[float, ...] | None:
    return _three(factors[level]) if isinstance(factors, list) and level < len(factors) else None


def _three(factors: Any) -> tuple[float, ...] | None:
    if not isinstance(factors, list) or len(factors) != 3:
        return None
    try:
        x, y, z = (float(factor) for factor in factors)
    except (TypeError, ValueError):
        return None
    return x, y, z
