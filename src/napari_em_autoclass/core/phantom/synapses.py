"""Find places for synapses on the borders of boutons, fill the boutons with vesicles, lay microtubules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_em_autoclass.core.phantom.anatomy import INSECT, Anatomy
from napari_em_autoclass.core.phantom.cells import GLIA, CellGrid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_em_autoclass.core.phantom.fields import F32, Bounds
    from napari_em_autoclass.core.phantom.mitochondria import Mitochondrion
    from napari_em_autoclass.core.phantom.packing import Axon, Neurites

__all__ = ["Synapse", "lay_microtubules", "lay_synapses", "lay_vesicles"]

_VESICLE_GAP_NM = 45.0
_STRAYS_PER_CUBIC_UM = 200.0


@dataclass(frozen=True)
class Synapse:
    """Hold one synapse and the cloud of vesicles behind it.

    Parameters
    ----------
    pre, post : int
        Cells on the two sides.
    centre_nm : ndarray, shape (3,), float32
        Middle of the cleft.
    radius_nm : float
        Radius of the density.
    cloud_nm : ndarray, shape (3,), float32
        Middle of the cloud.
    cloud_radius_nm : float
        Radius of the cloud.
    """

    pre: int
    post: int
    centre_nm: F32
    radius_nm: float
    cloud_nm: F32
    cloud_radius_nm: float


def lay_synapses(
    bounds: Bounds, neurites: Neurites, grid: CellGrid, rng: np.random.Generator, *, anatomy: Anatomy = INSECT
) -> tuple[Synapse, ...]:
    """Place synapses where a swelling of a neurite borders another neurite."""
    swell = 40.0 * anatomy.scale
    mean_cloud, spread_cloud, least_cloud = anatomy.cloud_nm
    wanted = max(2, round(anatomy.synapses_per_um3 * float(np.prod(bounds.size_nm)) / 1e9))
    inside = np.all((neurites.points_nm > bounds.low_nm) & (neurites.points_nm < bounds.high_nm), axis=1)
    made: list[Synapse] = []
    for site in rng.permutation(np.flatnonzero((neurites.radii_nm > anatomy.bouton_nm) & inside)):
        if len(made) == wanted:
            break
        pre, bouton, radius = int(neurites.owner[site]) + 1, neurites.points_nm[site], float(neurites.radii_nm[site])
        border, beyond = grid.borders_near(pre, bouton, 1.4 * radius + swell)
        fits = (beyond != GLIA) & (beyond <= grid.n_neurites)
        fits &= np.linalg.norm(border - bouton, axis=1) < 1.4 * radius + swell
        if not fits.any():
            continue
        pick = rng.choice(np.flatnonzero(fits))
        centre = border[pick]
        if any(np.linalg.norm(centre - other.centre_nm) < anatomy.synapses_apart_nm for other in made):
            continue
        inward = (bouton - centre) / (np.linalg.norm(bouton - centre) + 1e-3)
        reach = float(np.clip(rng.normal(mean_cloud, spread_cloud), least_cloud, 1.6 * radius))
        cloud = (centre + inward * 0.55 * reach).astype(np.float32)
        density = float(rng.uniform(*anatomy.density_nm))
        made.append(Synapse(pre, int(beyond[pick]), centre, density, cloud, reach))
    return tuple(made)


def lay_vesicles(
    synapses: tuple[Synapse, ...], mitochondria: tuple[Mitochondrion, ...], grid: CellGrid, rng: np.random.Generator
) -> F32:
    """Fill the clouds with vesicles that don't touch: centres (N, 3) in nm, ascending in z."""
    kept = [np.zeros((0, 3), np.float32)]
    for synapse in synapses:
        reach = synapse.cloud_radius_nm
        count = int(16.0 * (reach / _VESICLE_GAP_NM) ** 3)
        offset = rng.uniform(-1.0, 1.0, (count, 3))
        # Dense but for the rim.
        offset = offset[rng.random(count) < np.clip(7.0 * (1.0 - np.linalg.norm(offset, axis=1)), 0.0, 1.0)]
        points = (synapse.cloud_nm + reach * offset).astype(np.float32)
        points = points[_well_inside(grid, points, synapse.pre)]
        for body in mitochondria:
            if body.cell == synapse.pre:
                points = points[~body.covers(points, 30.0)]
        kept.append(_apart(points))
    kept.append(_strays(grid, mitochondria, rng))
    every = _apart(np.concatenate(kept))  # the clouds of two synapses of a bouton may overlap
    return np.asarray(every[np.argsort(every[:, 0])], dtype=np.float32)


def _strays(grid: CellGrid, mitochondria: tuple[Mitochondrion, ...], rng: np.random.Generator) -> F32:
    """Return single vesicles all over the neurites: real cytoplasm is never empty."""
    size = grid.pitch_nm * np.array(grid.owner.shape)
    count = int(_STRAYS_PER_CUBIC_UM * float(np.prod(size)) / 1e9)
    points = (np.array(grid.low_nm) + size * rng.random((count, 3))).astype(np.float32)
    cell = grid.owner_at(points)
    fits = (cell != GLIA) & _well_inside(grid, points, cell)
    for body in mitochondria:
        fits[fits] &= ~body.covers(points[fits], 30.0)
    return np.asarray(points[fits], dtype=np.float32)


def lay_microtubules(
    bounds: Bounds,
    neurites: Neurites,
    axons: tuple[Axon, ...],
    rng: np.random.Generator,
    *,
    anatomy: Anatomy = INSECT,
) -> tuple[F32, F32]:
    """Lay bundles of microtubules along half of the neurites and all axons.

    Returns
    -------
    points : ndarray, shape (N, 3), float32
        Points every 10 nm or so along them (z, y, x) in nm, ascending in z.
    cells : ndarray, shape (N,), float32
        Cell each point belongs to.
    """
    lines: list[F32] = []
    cells: list[F32] = []
    for owner in range(int(neurites.owner.max()) + 1):
        mine = neurites.owner == owner
        radius = float(np.median(neurites.radii_nm[mine]))
        if rng.random() < 0.5 or mine.sum() < 4:
            continue
        path = ndimage.gaussian_filter1d(neurites.points_nm[mine], 1.5, axis=0, mode="nearest")
        for line in _bundle(path, 0.7 * radius, int(np.clip(radius / 14.0, 3, 22 * anatomy.scale)), rng):
            lines.append(line)
            cells.append(np.full(len(line), owner + 1, np.float32))
    for number, axon in enumerate(axons):
        depth = np.arange(bounds.low_nm[0], bounds.high_nm[0], 40.0)
        path = np.array([(z, *axon.axis_yx(float(z))) for z in depth], np.float32)
        for line in _bundle(path, 0.9 * (axon.radius_nm - axon.sheath_nm), round(45 * anatomy.scale), rng):
            lines.append(line)
            cells.append(np.full(len(line), neurites.owner.max() + 2 + number, np.float32))
    points, of_cell = np.concatenate(lines), np.concatenate(cells)
    order = np.argsort(points[:, 0])
    return points[order], of_cell[order]


def _bundle(path: F32, spread_nm: float, count: int, rng: np.random.Generator) -> list[F32]:
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    at = np.arange(0.0, arc[-1], 10.0)
    dense = np.stack([np.interp(at, arc, path[:, i]) for i in range(3)], axis=1)
    along = (path[-1] - path[0]) / (np.linalg.norm(path[-1] - path[0]) + 1e-3)
    made = []
    for _ in range(count):
        offset = rng.uniform(-1.0, 1.0, 3) * spread_nm
        offset -= (offset @ along) * along
        wave = 10.0 * np.sin(at[:, None] / rng.uniform(150.0, 400.0) + rng.uniform(0, 6.28, 3))
        made.append((dense + offset + wave).astype(np.float32))
    return made


def _well_inside(grid: CellGrid, points: F32, cell: int | NDArray[np.int16]) -> NDArray[np.bool_]:
    inside = np.ones(len(points), dtype=bool)
    for shift in (*(46.0 * np.eye(3)), *(-46.0 * np.eye(3))):
        inside &= grid.owner_at(points + shift.astype(np.float32)) == cell
    return inside


def _apart(points: F32) -> F32:
    """Drop points until no two are nearer than a vesicle is wide."""
    if len(points) < 2:
        return points
    gone = np.zeros(len(points), dtype=bool)
    pairs = cKDTree(points).query_pairs(_VESICLE_GAP_NM, output_type="ndarray")  # (P, 2), first < second
    for a, b in pairs[np.argsort(pairs[:, 0], kind="stable")]:  # in order, so that the gone drop nobody else
        gone[b] |= not gone[a]
    return np.asarray(points[~gone], dtype=np.float32)
