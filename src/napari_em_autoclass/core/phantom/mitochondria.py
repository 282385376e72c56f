"""Lay mitochondria along the neurites: bent capsules with stacks of cristae."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_em_autoclass.core.phantom.anatomy import INSECT, Anatomy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_em_autoclass.core.phantom.cells import CellGrid
    from napari_em_autoclass.core.phantom.fields import F32, Bounds
    from napari_em_autoclass.core.phantom.packing import Axon, Neurites

__all__ = ["Mitochondrion", "lay_mitochondria"]

_SHARE = 0.04  # of the box, by a rough estimate of volume that is about half the true one
_ROOM = 17 / 21  # radius of the thinnest neurite that holds one, times the least radius of mitochondria


@dataclass(frozen=True)
class Mitochondrion:
    """Hold one mitochondrion.

    Parameters
    ----------
    points_nm : ndarray, shape (P, 3), float32
        Axis (z, y, x), nm.
    radii_nm : ndarray, shape (P,), float32
        Radius at each point of the axis.
    cell : int
        Cell it lies in.
    stacking : ndarray, shape (3,), float32
        Unit vector across the cristae.
    spacing_nm : float
        Distance between cristae.
    """

    points_nm: F32
    radii_nm: F32
    cell: int
    stacking: F32
    spacing_nm: float

    def reaches(self, z_nm: float) -> bool:
        """Tell whether the plane at depth `z_nm` may meet it."""
        return bool(np.any(np.abs(self.points_nm[:, 0] - z_nm) < self.radii_nm + 20.0))

    def window(self, y_nm: F32, x_nm: F32) -> tuple[slice, slice]:
        """Return the pixels its bounding box covers; empty slices where it lies outside."""
        reach = self.radii_nm.max() + 40.0
        low, high = self.points_nm.min(axis=0) - reach, self.points_nm.max(axis=0) + reach
        ys, xs = np.searchsorted(y_nm, (low[1], high[1])), np.searchsorted(x_nm, (low[2], high[2]))
        return slice(int(ys[0]), int(ys[1])), slice(int(xs[0]), int(xs[1]))

    def depth_nm(self, z_nm: float, y_nm: F32, x_nm: F32) -> F32:
        """Return the depth below the surface (nm, positive inside): float32, shape (len(y), len(x))."""
        depth = np.full((len(y_nm), len(x_nm)), -1e4, np.float32)
        dy, dx = y_nm[:, None], x_nm[None, :]
        for a, b, ra, rb in zip(
            self.points_nm[:-1], self.points_nm[1:], self.radii_nm[:-1], self.radii_nm[1:], strict=True
        ):
            along = b - a
            t = ((z_nm - a[0]) * along[0] + (dy - a[1]) * along[1] + (dx - a[2]) * along[2]) / (along @ along + 1e-6)
            t = np.clip(t, 0.0, 1.0)
            off = (z_nm - a[0] - t * along[0]) ** 2 + (dy - a[1] - t * along[1]) ** 2 + (dx - a[2] - t * along[2]) ** 2
            np.maximum(depth, ra + t * (rb - ra) - np.sqrt(off), out=depth)
        return depth

    def covers(self, points_nm: F32, margin_nm: float) -> NDArray[np.bool_]:
        """Tell which points (N, 3) lie within `margin_nm` of the body: bool (N,)."""
        far = np.linalg.norm(points_nm[:, None] - self.points_nm[None], axis=2)  # (N, P)
        return np.asarray(np.any(far < self.radii_nm + margin_nm, axis=1))


def lay_mitochondria(
    bounds: Bounds,
    neurites: Neurites,
    axons: tuple[Axon, ...],
    grid: CellGrid,
    rng: np.random.Generator,
    *,
    anatomy: Anatomy = INSECT,
) -> tuple[Mitochondrion, ...]:
    """Place mitochondria in neurites wide enough, one in each axon, until they fill their share of the box."""
    wanted = _SHARE * float(np.prod(bounds.size_nm))
    made = [_in_axon(bounds, axon, grid.n_neurites + 1 + i, rng) for i, axon in enumerate(axons)]
    room_nm = _ROOM * anatomy.mitochondrion_nm[0]
    taken = np.zeros(len(neurites.radii_nm), dtype=bool)
    volume = 0.0
    for start in rng.permutation(np.flatnonzero(neurites.radii_nm > 1.15 * room_nm)):
        if volume > wanted:
            break
        owner, radius = neurites.owner[start], neurites.radii_nm[start]
        length = rng.uniform(*anatomy.mitochondrion_length_nm)
        beside = neurites.points_nm[min(start + 1, len(taken) - 1)]
        step = float(np.linalg.norm(beside - neurites.points_nm[start]))
        run = np.arange(start, min(start + max(2, int(length / max(step, 20.0))), len(taken)))
        run = run[(neurites.owner[run] == owner) & (neurites.radii_nm[run] > room_nm)]
        # Thick neurites may hold several side by side, hence the test on the way and not on the neurite.
        if len(run) < 2 or taken[run].any():
            continue
        taken[max(0, run[0] - 2) : run[-1] + 3] = True
        body = _along(neurites, run, min(0.62 * radius, rng.uniform(*anatomy.mitochondrion_nm)), rng)
        volume += float(np.pi * body.radii_nm.mean() ** 2 * (np.ptp(body.points_nm, axis=0) @ np.ones(3)) * 0.7)
        made.append(body)
    return tuple(made)


def _along(neurites: Neurites, run: NDArray[np.int64], radius: float, rng: np.random.Generator) -> Mitochondrion:
    points = ndimage.gaussian_filter1d(neurites.points_nm[run], 1.0, axis=0, mode="nearest")
    spare = max(0.0, float(neurites.radii_nm[run].min()) - radius - 35.0)
    direction = rng.standard_normal(3)
    points = points + spare * 0.8 * direction / np.linalg.norm(direction)
    cell = int(neurites.owner[run[0]]) + 1
    return _body(points.astype(np.float32), radius, cell, rng)


def _in_axon(bounds: Bounds, axon: Axon, cell: int, rng: np.random.Generator) -> Mitochondrion:
    depth = bounds.low_nm[0] + np.linspace(0.2, 0.8, 8) * bounds.size_nm[0]
    inner = axon.radius_nm - axon.sheath_nm
    offset = rng.uniform(-0.3, 0.3, 2) * inner
    points = [(z, *(np.array(axon.axis_yx(float(z))) + offset)) for z in depth]
    return _body(np.array(points, np.float32), 0.45 * inner, cell, rng)


def _body(points: F32, radius: float, cell: int, rng: np.random.Generator) -> Mitochondrion:
    radii = radius * (1.0 + 0.12 * np.sin(np.linspace(0, rng.uniform(2, 6), len(points)) + rng.uniform(0, 6)))
    axis = points[-1] - points[0]
    stacking = axis / (np.linalg.norm(axis) + 1e-6) + 0.6 * rng.standard_normal(3)
    stacking /= np.linalg.norm(stacking)
    return Mitochondrion(
        points, radii.astype(np.float32), cell, stacking.astype(np.float32), float(rng.uniform(36.0, 48.0))
    )
