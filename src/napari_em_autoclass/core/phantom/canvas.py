"""A section being drawn, and the few strokes that everything is drawn with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_em_autoclass.core.phantom.cells import CellPlane
    from napari_em_autoclass.core.phantom.fields import F32

__all__ = ["Canvas", "Texture", "bump", "rise", "stamp"]


@dataclass(frozen=True)
class Texture:
    """Hold the grain of one section: three arrays (Y, X), float32, of unit variance, of growing grain size."""

    fine: F32
    coarse: F32
    broad: F32


@dataclass(frozen=True)
class Canvas:
    """Hold a section being drawn; `brightness` and `labels` are drawn on.

    Parameters
    ----------
    brightness : ndarray, shape (Y, X), float32
        About 0 (black) to 1.
    labels : ndarray, shape (Y, X), uint8
        Class ids.
    cut : CellPlane
        The cells on this section.
    texture : Texture
        The grain of this section.
    z_nm, thickness_nm : float
        Depth of the middle of the section, and its thickness.
    y_nm, x_nm : ndarray, shapes (Y,) and (X,), float32
        Positions of the pixels.
    """

    brightness: F32
    labels: NDArray[np.uint8]
    cut: CellPlane
    texture: Texture
    z_nm: float
    thickness_nm: float
    y_nm: F32
    x_nm: F32

    @property
    def pixel_nm(self) -> float:
        """Return the in-plane pixel size; 4 nm where a single pixel leaves it open."""
        for axis in (self.y_nm, self.x_nm):
            if len(axis) > 1:
                return float(axis[1] - axis[0])
        return 4.0


def bump(distance: F32, width: Any) -> F32:
    """Return a Gaussian of height 1: `distance` and the standard deviation `width` in the same unit."""
    return np.asarray(np.exp(-0.5 * np.square(distance / width)), dtype=np.float32)


def rise(value: F32, low: float, high: float) -> F32:
    """Return a smooth step: 0 below `low`, 1 above `high`."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), dtype=np.float32)


def stamp(canvas: Canvas, points_nm: F32, radius_nm: float, weight: F32) -> tuple[F32, F32]:
    """Return, for each pixel near a point, the distance to the heaviest of these and its weight.

    Parameters
    ----------
    canvas : Canvas
        Gives pixel positions.
    points_nm : ndarray, shape (N, 2), float32
        Positions (y, x) in nm.
    radius_nm : float
        How far a point is felt.
    weight : ndarray, shape (N,), float32
        Above 0.

    Returns
    -------
    distance : ndarray, shape (Y, X), float32
        In nm in three dimensions' projection; infinite away from the points.
    felt : ndarray, shape (Y, X), float32
        Weight of that point, 0 away from the points.
    """
    shape = canvas.brightness.shape
    distance, felt = np.full(shape, np.inf, np.float32), np.zeros(shape, np.float32)
    order = np.argsort(weight)  # the last write wins below, so the heaviest goes last
    points, weight = points_nm[order], weight[order]
    reach = int(np.ceil(radius_nm / canvas.pixel_nm))
    steps = np.arange(-reach, reach + 1)
    low = np.array([canvas.y_nm[0], canvas.x_nm[0]])
    middle = np.rint((points - low) / canvas.pixel_nm).astype(np.intp)  # (N, 2)
    row = (middle[:, :1] + steps)[:, :, None]  # (N, s, 1)
    column = (middle[:, 1:] + steps)[:, None, :]  # (N, 1, s)
    dy = low[0] + row * canvas.pixel_nm - points[:, 0, None, None]
    dx = low[1] + column * canvas.pixel_nm - points[:, 1, None, None]
    off = np.hypot(dy, dx)  # (N, s, s)
    seen = (off < radius_nm) & (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
    which, r, c = np.nonzero(seen)
    at = (row[which, r, 0], column[which, 0, c])
    distance[at] = off[seen]
    felt[at] = weight[which]
    return distance, felt
