"""Pack tortuous neurites of many calibres into a box: chains of spheres that avoid one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_em_autoclass.core.phantom.anatomy import INSECT, Anatomy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_em_autoclass.core.phantom.fields import F32, Bounds

__all__ = ["Axon", "Neurites", "lay_axons", "pack_neurites"]

_PITCH_NM = 32.0  # times the scale of the anatomy, as all lengths here


@dataclass(frozen=True)
class Axon:
    """Hold a myelinated axon that runs through the box roughly along z.

    Parameters
    ----------
    centre_yx_nm, slope_yx : tuple of float
        Axis: ``centre + slope * z + bend``, in nm.
    radius_nm, sheath_nm : float
        Outer radius, and the thickness of the myelin inside it.
    phase : float
        Sets bend and out-of-roundness, radians.
    scale : float
        That of the anatomy; a thick axon bends in wide curves.
    """

    centre_yx_nm: tuple[float, float]
    slope_yx: tuple[float, float]
    radius_nm: float
    sheath_nm: float
    phase: float
    scale: float = 1.0

    def axis_yx(self, z_nm: float) -> tuple[float, float]:
        """Return the axis position (y, x) in nm at depth `z_nm`."""
        bend = 40.0 * self.scale * np.sin(z_nm / (330.0 * self.scale) + self.phase)
        y = self.centre_yx_nm[0] + self.slope_yx[0] * z_nm + bend
        return float(y), float(self.centre_yx_nm[1] + self.slope_yx[1] * z_nm - 0.6 * bend)

    def depth_nm(self, z_nm: float, y_nm: F32, x_nm: F32) -> F32:
        """Return the depth below the outer surface (nm, positive inside): float32, shape (len(y), len(x))."""
        axis_y, axis_x = self.axis_yx(z_nm)
        dy, dx = y_nm[:, None] - axis_y, x_nm[None, :] - axis_x
        angle = np.arctan2(dy, dx)
        twist = self.phase + z_nm / (900.0 * self.scale)
        out_of_round = 1.0 + 0.10 * np.cos(2 * angle + twist) + 0.04 * np.cos(3 * angle - 2 * twist)
        return np.asarray(self.radius_nm - np.hypot(dy, dx) * out_of_round, dtype=np.float32)


@dataclass(frozen=True)
class Neurites:
    """Hold the spheres of all neurites; those of one neurite follow each other along it.

    Parameters
    ----------
    points_nm : ndarray, shape (N, 3), float32
        Centres (z, y, x) in nm.
    radii_nm : ndarray, shape (N,), float32
        Radii in nm.
    owner : ndarray, shape (N,), int64
        Neurite of each sphere, 0 to n - 1, ascending.
    """

    points_nm: F32
    radii_nm: F32
    owner: NDArray[np.int64]


def lay_axons(bounds: Bounds, rng: np.random.Generator, *, anatomy: Anatomy = INSECT) -> tuple[Axon, ...]:
    """Place one myelinated axon, or one per 6 square micrometres (of scale 1) of a larger field."""
    size, scale = bounds.size_nm, anatomy.scale
    count = max(1, round(float(size[1] * size[2]) / (6e6 * scale**2)))
    axons: list[Axon] = []
    while len(axons) < count:
        low, high = np.array(bounds.low_nm[1:]), np.array(bounds.high_nm[1:])
        centre = low + (high - low) * rng.uniform(0.25, 0.75, 2)
        slope = rng.uniform(-0.25, 0.25, 2)
        at_zero = centre - slope * (bounds.low_nm[0] + bounds.high_nm[0]) / 2
        radius = float(rng.uniform(*anatomy.axon_radius_nm))
        sheath, phase = anatomy.sheath_share * radius, rng.uniform(0, 6.28)
        axons.append(Axon((at_zero[0], at_zero[1]), (slope[0], slope[1]), radius, sheath, phase, scale))
    return tuple(axons)


def pack_neurites(
    bounds: Bounds, axons: tuple[Axon, ...], rng: np.random.Generator, *, anatomy: Anatomy = INSECT
) -> Neurites:
    """Grow neurites, thick ones first, until each kind fills its share or finds no more room.

    Parameters
    ----------
    bounds : Bounds
        Box to fill, nm.
    axons : tuple of Axon
        Space already taken.
    rng : numpy.random.Generator
        Source of every choice.
    anatomy : Anatomy
        How thick neurites are.
    """
    room = _Room(bounds, axons, anatomy.scale)
    chains: list[tuple[F32, F32]] = []
    bundled = False
    for calibre, spread, swelling, share in anatomy.kinds:
        if calibre < anatomy.fascicle_nm and not bundled:
            bundled = True
            chains += _fascicles(room, bounds, rng)
        wanted, failures = room.filled + share, 0
        while room.filled < wanted and failures < 250:
            radius = calibre * float(np.exp(spread * rng.standard_normal()))
            start = (room.low + rng.random(3) * room.size).astype(np.float32)
            chain = _grow(room, (start, rng.standard_normal(3)), (radius, swelling), rng)
            failures += chain is None
            chains += [chain] if chain is not None else []
    owner = np.repeat(np.arange(len(chains)), [len(radii) for _, radii in chains])
    return Neurites(np.concatenate([p for p, _ in chains]), np.concatenate([r for _, r in chains]), owner)


def _fascicles(room: _Room, bounds: Bounds, rng: np.random.Generator) -> list[tuple[F32, F32]]:
    """Grow bundles of thin parallel neurites, one per 5 cubic micrometres (of scale 1)."""
    grown = []
    for _ in range(max(1, round(float(np.prod(bounds.size_nm)) / (5e9 * room.scale**3)))):
        middle = room.low + rng.random(3) * room.size
        # Mostly within the sections: bundles seen lengthwise look different from all else.
        direction = rng.standard_normal(3) * (0.4, 1.0, 1.0)
        for _ in range(60):
            start = (middle + rng.standard_normal(3) * 230.0 * room.scale).astype(np.float32)
            heading = direction / np.linalg.norm(direction) + 0.08 * rng.standard_normal(3)
            chain = _grow(room, (start, heading), (room.scale * float(rng.uniform(50.0, 85.0)), 0.2), rng)
            grown += [chain] if chain is not None else []
    return grown


class _Room:
    """Occupancy of the box on a coarse lattice: a look-up costs the same however many neurites there are."""

    def __init__(self, bounds: Bounds, axons: tuple[Axon, ...], scale: float) -> None:
        self.low, self.size, self.scale, self._pitch = np.array(bounds.low_nm), bounds.size_nm, scale, scale * _PITCH_NM
        axes = [bounds.axis(i, self._pitch) for i in range(3)]
        self._taken = np.zeros([len(a) for a in axes], dtype=bool)
        for plane, z in zip(self._taken, axes[0], strict=True):
            for axon in axons:
                plane |= axon.depth_nm(float(z), axes[1], axes[2]) > -20
        steps = np.array([-0.8, 0.0, 0.8])
        ball = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
        self._probe = ball / np.maximum(np.linalg.norm(ball, axis=1, keepdims=True), 0.8) * 0.8

    @property
    def filled(self) -> float:
        return float(self._taken.mean())

    def inside(self, point: F32) -> bool:
        return bool(np.all(point >= self.low) and np.all(point <= self.low + self.size))

    def is_free(self, point: F32, radius: float) -> bool:
        index = np.rint((point + radius * self._probe - self.low) / self._pitch).astype(np.intp)
        np.clip(index, 0, np.array(self._taken.shape) - 1, out=index)
        return int(self._taken[index[:, 0], index[:, 1], index[:, 2]].sum()) <= 2

    def take(self, points: F32, radii: F32) -> None:
        shape = np.array(self._taken.shape)
        for point, radius in zip(points, radii, strict=True):
            low = np.clip(np.floor((point - radius - self.low) / self._pitch).astype(int), 0, shape)
            high = np.clip(np.ceil((point + radius - self.low) / self._pitch).astype(int) + 1, 0, shape)
            z, y, x = (self.low[i] + self._pitch * np.arange(low[i], high[i]) - point[i] for i in range(3))
            near = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 < radius**2
            self._taken[low[0] : high[0], low[1] : high[1], low[2] : high[2]] |= near


def _grow(
    room: _Room, launch: tuple[F32, NDArray[np.float64]], girth: tuple[float, float], rng: np.random.Generator
) -> tuple[F32, F32] | None:
    """Grow a chain both ways from a (start, direction) with a (calibre, swelling), and take its room."""
    (start, direction), (calibre, swelling) = launch, girth
    if not (room.inside(start) and room.is_free(start, calibre)):
        return None
    direction = direction / np.linalg.norm(direction)
    phase, beat = rng.uniform(0, 6.28), room.scale * rng.uniform(450, 1100)
    halves = []
    for sign in (1.0, -1.0):
        point, heading, way = start, sign * direction, 0.0
        half: list[tuple[F32, float]] = []
        while len(half) < 200:
            bump = max(0.0, np.sin(2 * np.pi * sign * way / beat + phase)) ** 2
            wish = calibre * (1.0 + swelling * bump)
            found = _next_sphere(room, point, (heading, calibre, wish), rng)
            if found is None:
                break
            way += float(np.linalg.norm(found[0] - point))
            point, heading = found[0], found[1]
            half.append((point, found[2]))
        halves.append(half)
    chain = [*reversed(halves[1]), (start, calibre), *halves[0]]
    if len(chain) < 3:
        return None
    points, radii = np.array([p for p, _ in chain], np.float32), np.array([r for _, r in chain], np.float32)
    room.take(points, radii)
    return points, radii


def _next_sphere(
    room: _Room, point: F32, course: tuple[NDArray[np.float64], float, float], rng: np.random.Generator
) -> tuple[F32, NDArray[np.float64], float] | None:
    """Return the next (centre, heading, radius), thinner and more sharply turned the less room there is."""
    heading, calibre, wish = course
    for radius, turn in ((wish, 0.15), (wish, 0.4), (calibre, 0.3), (calibre, 0.7), (0.7 * calibre, 0.8)):
        for _ in range(2):
            new = heading + turn * rng.standard_normal(3)
            new /= np.linalg.norm(new)
            step = (point + 0.6 * calibre * new).astype(np.float32)
            if not room.inside(step):
                return None
            if room.is_free(step, radius):
                return step, new, radius
    return None
