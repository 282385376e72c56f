"""Which level of a pyramid is read when none is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from napari_em_autoclass.io.ome_zarr import Multiscale
    from napari_em_autoclass.io.request import ReadRequest

__all__ = ["fitting_level"]

_SLACK: Final = 1.01  # sizes in metadata are rounded


def fitting_level(multiscale: Multiscale, request: ReadRequest) -> int:
    """Return the level that serves best what `request` wants it for; 0 where it does not say, or sizes are not known.

    That is the level of the voxel size that a run was trained on, if there is one; else the coarsest whose pixels in y
    and x are still no larger than the working pixel, so that nothing needs to be read that would only be averaged
    away.  Along z nothing is ever averaged: no level counts whose sections are further apart than those of level 0,
    unless they too are no further apart than the working pixel size.
    """
    sizes = [_zyx(multiscale.axes, scales) for scales in multiscale.scales_nm]
    fit = request.fit
    if fit is None or request.voxel_size_nm is not None or request.axes is not None or sizes[0] is None:
        return 0
    for level, size in enumerate(sizes):
        if size is not None and any(_is_close(size, trained) for trained in fit.trained_nm):
            return level
    gap_nm = max(sizes[0][0], fit.working_pixel_nm)
    found = 0
    for level, size in enumerate(sizes):
        if size is not None and size[0] <= gap_nm * _SLACK and max(size[1:]) <= fit.working_pixel_nm * _SLACK:
            found = level
    return found


def _zyx(axes: str, scales: tuple[float | None, ...]) -> tuple[float, float, float] | None:
    known = dict(zip(axes, scales, strict=False))
    z, y, x = (known.get(letter) for letter in "ZYX")
    return None if z is None or y is None or x is None else (z, y, x)


def _is_close(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
    return all(a <= b * _SLACK and b <= a * _SLACK for a, b in zip(one, other, strict=True))
