"""Image drawn sections like a microscope does: focus, shift, staining, noise, and the odd bad section."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from scipy import ndimage

from napari_em_autoclass.core.phantom.canvas import Texture
from napari_em_autoclass.core.phantom.fields import F32, Grain

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MODES", "Microscope", "Mode", "SectionLook", "Textures", "binned", "develop", "plan_looks"]

Mode: TypeAlias = Literal["sstem", "fibsem", "sbfsem"]
_FEWEST_SECTIONS_FOR_DAMAGE = 8  # a short stack, as in a test, stays whole


@dataclass(frozen=True)
class Microscope:
    """Hold how a kind of microscope images.

    Parameters
    ----------
    voxel_size_nm : tuple of float
        (z, y, x).
    thickness_nm : float
        Depth that one section sums up.
    focus_px : float
        Standard deviation of the blur.
    noise, blotches : float
        Standard deviation of white noise and of noise as wide as the blur, of a brightness range of 1.
    contrast, offset : float
        Brightness is ``offset + contrast * drawn``.
    contrast_spread, offset_spread : float
        Change from section to section (standard deviation).
    drift : float
        Slow change of the offset over the stack (standard deviation).
    shift_nm : float
        Misplacement of each section (standard deviation per axis).
    has_damage : bool
        Whether a long stack has a bad section.
    finer : int
        How many times finer than its pixels a section is drawn along y and x: a wide pixel sums up what one point in
        it would miss or catch by chance.
    """

    voxel_size_nm: tuple[float, float, float]
    thickness_nm: float
    focus_px: float
    noise: float
    blotches: float
    contrast: float
    offset: float
    contrast_spread: float
    offset_spread: float
    drift: float
    shift_nm: float
    has_damage: bool
    finer: int = 1


MODES: MappingProxyType[str, Microscope] = MappingProxyType(
    {
        "sstem": Microscope((50.0, 4.0, 4.0), 45.0, 0.7, 0.03, 0.062, 1.0, 0.0, 0.07, 0.03, 0.015, 7.0, True),
        "fibsem": Microscope((8.0, 8.0, 8.0), 16.0, 0.85, 0.012, 0.018, 0.88, 0.0, 0.0, 0.002, 0.012, 0.0, False),
        "sbfsem": Microscope(
            (30.0, 10.0, 10.0), 30.0, 0.7, 0.045, 0.045, 0.8, 0.0, 0.01, 0.006, 0.012, 1.5, False, finer=2
        ),
    }
)


@dataclass(frozen=True)
class SectionLook:
    """Hold what is peculiar to one section.

    Parameters
    ----------
    shift_yx_nm : tuple of float
        Where the section lies relative to its place.
    contrast, offset : float
        Staining.
    is_bad : bool
        Whether it is damaged.
    """

    shift_yx_nm: tuple[float, float]
    contrast: float
    offset: float
    is_bad: bool


class Textures:
    """Give the grain of cytoplasm, one section after the other.

    Parameters
    ----------
    shape_yx : tuple of int
        Size of a section as drawn.
    scope : Microscope
        Gives the pixel size, and how far along z the next section is.
    rng : numpy.random.Generator
        Source of the grain.
    """

    def __init__(self, shape_yx: tuple[int, int], scope: Microscope, rng: np.random.Generator) -> None:
        step_nm, pixel_nm = scope.voxel_size_nm[0], scope.voxel_size_nm[1] / scope.finer
        self._grains = [
            Grain(shape_yx, size_nm / pixel_nm, float(np.exp(-0.25 * (step_nm / size_nm) ** 2)), rng)
            for size_nm in (5.0, 9.5, 42.0)
        ]

    def section(self) -> Texture:
        """Return the grain of the next section."""
        fine, coarse, broad = (grain.section() for grain in self._grains)
        return Texture(fine, coarse, broad)


def plan_looks(count: int, scope: Microscope, rng: np.random.Generator) -> tuple[SectionLook, ...]:
    """Draw the peculiarities of `count` sections."""
    jitter = np.clip(rng.standard_normal((count, 2)), -2.0, 2.0) * scope.shift_nm
    drift = ndimage.gaussian_filter1d(np.cumsum(rng.standard_normal((count, 2)), axis=0), 2.0, axis=0, mode="nearest")
    shift = jitter + 0.4 * scope.shift_nm * np.clip(drift - drift.mean(axis=0), -9.0, 9.0)
    slow = np.cumsum(rng.standard_normal(count)) * np.sqrt(3.0 / count)
    offset = scope.offset + scope.offset_spread * rng.standard_normal(count) + scope.drift * slow
    contrast = scope.contrast * (1.0 + scope.contrast_spread * rng.standard_normal(count))
    bad = int(rng.integers(count // 4, max(count // 4 + 1, 3 * count // 4)))
    damaged = scope.has_damage and count >= _FEWEST_SECTIONS_FOR_DAMAGE
    return tuple(
        SectionLook(
            (float(shift[i, 0]), float(shift[i, 1])), float(contrast[i]), float(offset[i]), damaged and i == bad
        )
        for i in range(count)
    )


def binned(drawn: F32, finer: int) -> F32:
    """Return the pixels of a section drawn `finer` times finer: (Y, X) from (Y finer, X finer), float32."""
    height, width = drawn.shape[0] // finer, drawn.shape[1] // finer
    return np.asarray(drawn.reshape(height, finer, width, finer).mean(axis=(1, 3)), dtype=np.float32)


def develop(
    brightness: F32, look: SectionLook, scope: Microscope, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Image one drawn section.

    Parameters
    ----------
    brightness : ndarray, shape (Y, X), float32
        Drawn section, about 0 to 1.
    look : SectionLook
        What is peculiar to it.
    scope : Microscope
        How it is imaged.
    rng : numpy.random.Generator
        Source of noise and damage.

    Returns
    -------
    raw : ndarray, shape (Y, X), uint8
        The image.
    hidden : ndarray, shape (Y, X), bool
        Where damage hides the tissue.
    """
    image = ndimage.gaussian_filter(brightness, scope.focus_px)
    hidden = np.zeros(image.shape, dtype=bool)
    if look.is_bad:
        image, hidden = _damaged(image, rng)
    image = 0.5 + look.contrast * (image - 0.5) + look.offset + _uneven(image.shape, rng) * scope.offset_spread * 0.6
    blotches = Grain((image.shape[0], image.shape[1]), 0.75, 0.0, rng).section()
    image = image + scope.noise * rng.standard_normal(image.shape, dtype=np.float32) + scope.blotches * blotches
    return np.clip(np.rint(255.0 * image), 0, 255).astype(np.uint8), hidden


def _uneven(shape: tuple[int, ...], rng: np.random.Generator) -> F32:
    """Return a plane that tilts the brightness across the section, about -1 to 1."""
    y, x = np.linspace(-1, 1, shape[0]), np.linspace(-1, 1, shape[1])
    slope = rng.standard_normal(2)
    return np.asarray(slope[0] * y[:, None] + slope[1] * x, dtype=np.float32)


def _damaged(image: F32, rng: np.random.Generator) -> tuple[F32, NDArray[np.bool_]]:
    """Return the section with poor focus, charging, a fold and stain; and where fold and stain hide it."""
    height, width = image.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = rng.uniform(0.3, 1.2)
    across = (y - height / 2) * np.cos(angle) + (x - width / 2) * np.sin(angle)
    along = (x - width / 2) * np.cos(angle) - (y - height / 2) * np.sin(angle)
    size = float(min(height, width))
    across = across + 0.05 * size * np.sin(along / (0.16 * size) + rng.uniform(0, 6.28))
    fold_px = 0.035 * size * (1.0 + 0.4 * np.sin(along / (0.3 * size)))
    fold = np.clip((fold_px - np.abs(across)) / 4.0 + 0.5, 0.0, 1.0)
    dirt = Grain((height, width), 0.014 * size, 0.0, rng).section()
    stain = np.clip(3.0 * (dirt - 2.3), 0.0, 1.0)
    soft = ndimage.gaussian_filter(image, 2.0)
    charging = 0.10 * np.exp(-np.abs(across) / (0.12 * size))
    out = 0.44 + 0.55 * (soft - 0.5) + charging
    # A fold is three layers of tissue: dark, darkest where it bends, and still showing structure.
    layers = 0.30 + 0.35 * (ndimage.gaussian_filter(np.roll(image, int(0.1 * size), axis=0), 1.5) - 0.5)
    layers = layers - 0.14 * (np.abs(across) / fold_px) ** 4
    out = out + fold * (layers - out)
    out = out * (1.0 - 0.8 * stain)
    return np.asarray(out, dtype=np.float32), np.asarray((fold > 0.5) | (stain > 0.5))
