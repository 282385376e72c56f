"""Turn packed neurites into space-filling cells with smooth borders, and cut them with planes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.special import erfinv

from napari_em_autoclass.core.phantom.anatomy import INSECT, Anatomy
from napari_em_autoclass.core.phantom.fields import F32, Bounds, SmoothField
from napari_em_autoclass.core.phantom.packing import Axon, Neurites

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["GLIA", "CellGrid", "CellPlane", "build_cells"]

GLIA = 0  # the one cell that fills what the neurites leave over; neurites follow, then axons

_PITCH_NM = 16.0
_SMOOTHING_NM = 25.0  # 1.5 lattice steps: the least that hides the lattice
_TILE_NM = 512.0  # planes are cut in tiles, so that only the few cells near a tile are summed
_REACH = 2.0  # neurites swell to at most this many radii; beyond is glia


@dataclass(frozen=True)
class CellPlane:
    """Hold what the cells look like on one plane.

    Parameters
    ----------
    cell : ndarray, shape (Y, X), int16
        Cell at each pixel.
    depth_nm : ndarray, shape (Y, X), float32
        Distance to the middle of the nearest cell border in nm, exact to about 80 nm and saturating near 110.
    crowd : ndarray, shape (Y, X), float32
        0 away from places where three or more cells meet, up to 1/3 and more there.
    """

    cell: NDArray[np.int16]
    depth_nm: F32
    crowd: F32


@dataclass(frozen=True)
class CellGrid:
    """Hold the cells as a smooth function of position.

    The lattice only stores who owns what; a cell is where the Gaussian-weighted share of its lattice points is the
    largest, which is defined at every point of space.

    Parameters
    ----------
    owner : ndarray, shape (gz, gy, gx), int16
        Cell at each lattice point.
    low_nm : tuple of float
        Position of the first lattice point, nm.
    n_neurites : int
        Neurites are cells 1 to n; axons follow.
    """

    owner: NDArray[np.int16]
    low_nm: tuple[float, float, float]
    n_neurites: int

    @property
    def pitch_nm(self) -> float:
        """Return the distance between lattice points."""
        return _PITCH_NM

    @property
    def n_cells(self) -> int:
        """Return the number of cells, glia included."""
        return int(self.owner.max()) + 1

    def cut(self, z_nm: float, y_nm: F32, x_nm: F32) -> CellPlane:
        """Cut the cells at depth `z_nm` on the grid `y_nm`, `x_nm` (nm, ascending)."""
        shape = (len(y_nm), len(x_nm))
        plane = CellPlane(np.zeros(shape, np.int16), np.zeros(shape, np.float32), np.zeros(shape, np.float32))
        for ys in _tiles(y_nm):
            for xs in _tiles(x_nm):
                self._cut_tile(plane, z_nm, (y_nm, x_nm), (ys, xs))
        return plane

    def owner_at(self, points_nm: F32) -> NDArray[np.int16]:
        """Return the cell nearest to each point: (N, 3) nm -> (N,) int16."""
        index = np.rint((points_nm - np.array(self.low_nm)) / _PITCH_NM).astype(np.intp)
        index = np.clip(index, 0, np.array(self.owner.shape) - 1)
        return np.asarray(self.owner[index[:, 0], index[:, 1], index[:, 2]], dtype=np.int16)

    def borders_near(self, cell: int, centre_nm: F32, reach_nm: float) -> tuple[F32, NDArray[np.int16]]:
        """Return border points of `cell` near a point: positions (M, 3) in nm and the cell beyond each (M,)."""
        shape, low = np.array(self.owner.shape), np.array(self.low_nm)
        start = np.clip(((centre_nm - reach_nm - low) / _PITCH_NM).astype(int), 0, shape - 1)
        stop = np.clip(((centre_nm + reach_nm - low) / _PITCH_NM).astype(int) + 1, 1, shape)
        box = self.owner[start[0] : stop[0], start[1] : stop[1], start[2] : stop[2]]
        points, beyond = [], []
        for axis in range(3):
            here, there = np.take(box, range(box.shape[axis] - 1), axis), np.take(box, range(1, box.shape[axis]), axis)
            step = 0.5 * np.eye(3)[axis]
            for mine, other in ((here, there), (there, here)):
                index = np.argwhere((mine == cell) & (other != cell))
                points.append(low + (start + index + step) * _PITCH_NM)
                beyond.append(other[tuple(index.T)])
        return np.concatenate(points).astype(np.float32), np.concatenate(beyond)

    def _cut_tile(self, plane: CellPlane, z_nm: float, axes: tuple[F32, F32], tile: tuple[slice, slice]) -> None:
        (z_range, z_weight) = _kernel(np.array([z_nm], np.float32), self.low_nm[0], self.owner.shape[0])
        y_range, y_weight = _kernel(axes[0][tile[0]], self.low_nm[1], self.owner.shape[1])
        x_range, x_weight = _kernel(axes[1][tile[1]], self.low_nm[2], self.owner.shape[2])
        box = self.owner[z_range, y_range, x_range]
        cells, position = np.unique(box, return_inverse=True)
        flat = position.reshape(box.shape) * (box.shape[1] * box.shape[2])
        flat += np.arange(box.shape[1] * box.shape[2]).reshape(box.shape[1:])
        weight = np.broadcast_to(z_weight[0][:, None, None], box.shape)
        mass = np.bincount(flat.ravel(), weight.ravel(), len(cells) * box.shape[1] * box.shape[2])
        share = mass.reshape(len(cells), *box.shape[1:]).astype(np.float32)  # (cells, gy, gx)
        share = np.asarray(y_weight @ share @ x_weight.T, dtype=np.float32)  # (cells, h, w)
        first = share.argmax(axis=0)
        top = np.take_along_axis(share, first[None], axis=0)[0]
        np.put_along_axis(share, first[None], -1.0, axis=0)
        second = np.maximum(share.max(axis=0), 0.0)
        plane.cell[tile] = cells[first]
        # For two cells and a flat border the difference of shares is erf(distance / (sqrt(2) sigma)).
        plane.depth_nm[tile] = _SMOOTHING_NM * np.sqrt(2.0) * erfinv(np.clip(top - second, 0.0, 1.0 - 1e-5))
        plane.crowd[tile] = np.clip(1.0 - top - second, 0.0, 1.0)


def build_cells(
    bounds: Bounds,
    neurites: Neurites,
    axons: tuple[Axon, ...],
    rng: np.random.Generator,
    *,
    anatomy: Anatomy = INSECT,
) -> tuple[CellGrid, Neurites]:
    """Let the packed neurites swell until they touch, in a warped space.

    Returns
    -------
    CellGrid
        The cells on `bounds`.
    Neurites
        The same spheres moved to where the warp put them.
    """
    z, y, x = axes = [bounds.axis(i, _PITCH_NM) for i in range(3)]
    scale = anatomy.scale
    warp = [
        45.0 * scale * SmoothField.random(bounds, 260.0 * scale, rng).on_grid(*axes)
        + 13.0 * scale * SmoothField.random(bounds, 95.0 * scale, rng).on_grid(*axes)
        for _ in range(3)
    ]
    owner = _claim(axes, warp, neurites, 80.0 * scale)
    count = int(neurites.owner.max()) + 1
    for plane, depth in zip(owner, z, strict=True):
        for number, axon in enumerate(axons):
            plane[axon.depth_nm(float(depth), y, x) > 0] = count + 1 + number
    grid = CellGrid(_without_crumbs(owner), bounds.low_nm, count)
    return grid, _unwarped(neurites, warp, bounds)


def _claim(axes: list[F32], warp: list[F32], neurites: Neurites, swell_nm: float) -> NDArray[np.int16]:
    """Give each lattice point to the neurite with the smallest distance in radii, or to glia."""
    nearest = np.full(warp[0].shape, _REACH**2, np.float32)
    owner = np.full(warp[0].shape, GLIA, np.int16)
    slack = [float(np.abs(w).max()) for w in warp]
    for point, radius, cell in zip(neurites.points_nm, neurites.radii_nm, neurites.owner, strict=True):
        # Thick neurites swell less: the room left over is about the same for all.
        reach = min(_REACH * radius, radius + swell_nm)
        box = tuple(
            slice(*np.searchsorted(axes[i], (point[i] - reach - slack[i], point[i] + reach + slack[i])))
            for i in range(3)
        )
        dz = (axes[0][box[0]] - point[0])[:, None, None] + warp[0][box]
        dy = (axes[1][box[1]] - point[1])[:, None] + warp[1][box]
        dx = (axes[2][box[2]] - point[2]) + warp[2][box]
        squared = (dz * dz + dy * dy + dx * dx) / radius**2
        wins = (squared < nearest[box]) & (squared < (reach / radius) ** 2)
        nearest[box][wins] = squared[wins]
        owner[box][wins] = cell + 1
    return owner


def _without_crumbs(owner: NDArray[np.int16]) -> NDArray[np.int16]:
    """Hand glia too thin to hold two membranes to the neighbours, so that borders stay single lines."""
    thick = ndimage.binary_opening(owner == GLIA, ndimage.generate_binary_structure(3, 1), iterations=2)
    thin = (owner == GLIA) & ~thick
    if not (owner != GLIA).any() or not thin.any():
        return owner
    source = ndimage.distance_transform_edt(owner == GLIA, return_distances=False, return_indices=True)
    filled = owner[tuple(source)]
    return np.where(thin, filled, owner).astype(np.int16)


def _unwarped(neurites: Neurites, warp: list[F32], bounds: Bounds) -> Neurites:
    shape, low = np.array(warp[0].shape), np.array(bounds.low_nm)
    points = neurites.points_nm
    for _ in range(4):  # fixed point of x = p - warp(x); the warp is gentle, so this contracts
        index = np.clip(np.rint((points - low) / _PITCH_NM).astype(np.intp), 0, shape - 1).T
        points = neurites.points_nm - np.stack([w[tuple(index)] for w in warp], axis=1)
    return Neurites(points.astype(np.float32), neurites.radii_nm, neurites.owner)


def _tiles(at_nm: F32) -> list[slice]:
    count = max(1, round(float(at_nm[-1] - at_nm[0]) / _TILE_NM))
    edges = np.linspace(0, len(at_nm), count + 1).astype(int)
    return [slice(int(a), int(b)) for a, b in itertools.pairwise(edges) if b > a]


def _kernel(at_nm: F32, low_nm: float, count: int) -> tuple[slice, F32]:
    """Return the lattice range that matters for some positions, and Gaussian weights (positions, range)."""
    reach = 4.0 * _SMOOTHING_NM
    start = int(np.clip(np.floor((at_nm[0] - reach - low_nm) / _PITCH_NM), 0, count - 1))
    stop = int(np.clip(np.ceil((at_nm[-1] + reach - low_nm) / _PITCH_NM) + 1, start + 1, count))
    lattice = low_nm + _PITCH_NM * np.arange(start, stop, dtype=np.float32)
    weights = np.exp(-0.5 * ((at_nm[:, None] - lattice) / _SMOOTHING_NM) ** 2)
    return slice(start, stop), np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)
