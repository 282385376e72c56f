"""Smooth random functions of position (nm), and grain that is correlated from section to section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["F32", "Bounds", "Grain", "SmoothField"]

F32: TypeAlias = NDArray[np.float32]

_KERNEL_WIDTH = 0.7  # of the pitch: narrower shows the lattice, wider only costs amplitude
_MARGIN_KNOTS = 3


@dataclass(frozen=True)
class Bounds:
    """Hold a box in physical space.

    Parameters
    ----------
    low_nm, high_nm : tuple of float
        Corners (z, y, x) in nm.
    """

    low_nm: tuple[float, float, float]
    high_nm: tuple[float, float, float]

    @property
    def size_nm(self) -> F32:
        """Return the edge lengths (z, y, x) in nm, float32, shape (3,)."""
        return np.subtract(self.high_nm, self.low_nm, dtype=np.float32)

    def padded(self, margin_nm: float) -> Bounds:
        """Return the box grown by `margin_nm` on every side."""
        low = tuple(v - margin_nm for v in self.low_nm)
        high = tuple(v + margin_nm for v in self.high_nm)
        return Bounds((low[0], low[1], low[2]), (high[0], high[1], high[2]))

    def axis(self, index: int, pitch_nm: float) -> F32:
        """Return sample positions (nm) along one axis, float32, from the low face on."""
        count = int(np.ceil((self.high_nm[index] - self.low_nm[index]) / pitch_nm)) + 1
        return (self.low_nm[index] + pitch_nm * np.arange(count)).astype(np.float32)


@dataclass(frozen=True)
class SmoothField:
    """Give a smooth random function of position with zero mean and unit variance.

    A Gaussian sum over random knots on a lattice; being separable, it is cheap on any z, y, x grid and the same
    function whatever the voxel size.

    Parameters
    ----------
    knots : ndarray, shape (kz, ky, kx), float32
        Standard normal.
    low_nm : tuple of float
        Position of the first knot (z, y, x) in nm.
    pitch_nm : float
        Lattice pitch; the field varies on about this length.
    """

    knots: F32
    low_nm: tuple[float, float, float]
    pitch_nm: float

    @classmethod
    def random(cls, bounds: Bounds, pitch_nm: float, rng: np.random.Generator) -> SmoothField:
        """Draw a field that covers `bounds`."""
        wide = bounds.padded(_MARGIN_KNOTS * pitch_nm)
        counts = [len(wide.axis(i, pitch_nm)) for i in range(3)]
        return cls(rng.standard_normal(counts, dtype=np.float32), wide.low_nm, pitch_nm)

    def on_grid(self, z_nm: F32, y_nm: F32, x_nm: F32) -> F32:
        """Return the field on a z, y, x grid: float32, shape (len(z), len(y), len(x))."""
        out = np.tensordot(self._weights(0, z_nm), self.knots, axes=1)  # (Z, ky, kx)
        out = self._weights(1, y_nm) @ out  # (Z, Y, kx)
        return np.asarray(out @ self._weights(2, x_nm).T, dtype=np.float32)  # (Z, Y, X)

    def on_plane(self, z_nm: float, y_nm: F32, x_nm: F32) -> F32:
        """Return the field on the plane at depth `z_nm`: float32, shape (len(y), len(x))."""
        return np.asarray(self.on_grid(np.array([z_nm], np.float32), y_nm, x_nm)[0], dtype=np.float32)

    def _weights(self, axis: int, at_nm: F32) -> F32:
        count = self.knots.shape[axis]
        knots_nm = self.low_nm[axis] + self.pitch_nm * np.arange(count, dtype=np.float32)
        weights = np.exp(-0.5 * ((at_nm[:, None] - knots_nm) / (_KERNEL_WIDTH * self.pitch_nm)) ** 2)
        # Unit length of each row gives unit variance everywhere, also between knots.
        return np.asarray(weights / np.linalg.norm(weights, axis=1, keepdims=True), dtype=np.float32)


class Grain:
    """Give fine band-limited texture, one section after the other, correlated along z.

    Along z it is a first-order autoregression: thick sections get fresh grain and thin ones nearly the same.

    Parameters
    ----------
    shape_yx : tuple of int
        Size of a section.
    size_px : float
        In-plane standard deviation of the Gaussian, in pixels, >= 0.
    memory : float
        Correlation with the section before, 0 to 1.
    rng : numpy.random.Generator
        Source of the noise.
    """

    def __init__(self, shape_yx: tuple[int, int], size_px: float, memory: float, rng: np.random.Generator) -> None:
        self._shape, self._size, self._memory, self._rng = shape_yx, size_px, memory, rng
        self._last = self._fresh()

    def section(self) -> F32:
        """Return the next section: float32, shape (Y, X), zero mean, unit variance."""
        self._last = self._memory * self._last + np.sqrt(1.0 - self._memory**2) * self._fresh()
        return np.asarray(self._last, dtype=np.float32)

    def _fresh(self) -> F32:
        white = self._rng.standard_normal(self._shape, dtype=np.float32)
        if self._size <= 0:
            return white
        # The gain is that of an unbounded Gaussian; measured spread would depend on the shape.
        radius = np.arange(-int(4 * self._size + 0.5), int(4 * self._size + 0.5) + 1)
        kernel = np.exp(-0.5 * (radius / self._size) ** 2)
        gain = kernel.sum() ** 2 / (kernel**2).sum()
        smooth = ndimage.gaussian_filter(white, self._size, mode="wrap")
        return np.asarray(smooth * gain, dtype=np.float32)
