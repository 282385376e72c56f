"""Colours of the classes: 20 fixed ones for colour-blind eyes on grey, then as many as there are classes.

The first 7 are the chromatic colours of Okabe and Ito, *Color Universal Design* (2008), as printed in Wong, *Points of
view: Color blindness*, Nature Methods 8, 441 (2011); their black is left out because it hides on the membranes of an EM
section.  Every further colour is the one farthest from all before it, after Glasbey et al., *Colour displays for
categorical images*, Color Research & Application 32, 304 (2007), with a distance that counts for colour-blind eyes too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["MAX_CLASSES", "checked_color", "default_colors"]

#: Class ids are uint8; 0 means "not classified" and 255 stays free for "no data".
MAX_CLASSES: Final = 254

_IS_COLOR: Final = re.compile(r"#[0-9a-fA-F]{6}").fullmatch

# Colours 8 to 20 are what `_farthest_colors` gives after the first seven; written out so that the colours people get
# used to don't depend on the floating point of their machine.  A test regenerates them.
_FIXED: Final = (
    *("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"),
    *("#4b00ff", "#0069ff", "#00ff87", "#ff005a", "#784b1e", "#960f87", "#5af0f0"),
    *("#ffb4a5", "#8700c3", "#a50f4b", "#c378ff", "#b4b45a", "#a5e15a"),
)
# Machado, Oliveira & Fernandes, IEEE TVCG 15, 1291 (2009), severity 1.0, for linear RGB.
_PROTANOPIA: Final = ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998))
_DEUTERANOPIA: Final = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881))
_TRICHROMACY: Final = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
# IEC 61966-2-1 (sRGB, D65) to CIE XYZ.
_XYZ: Final = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.072175), (0.0193339, 0.119192, 0.9503041))
# Most users see all colours: a distance of 1 in colour-blind eyes counts like 1 / 0.45 in theirs.  With equal weights
# the fixed 20 are 19.6 apart for them instead of 26.4, against 17.0 instead of 14.9 in colour-blind eyes (CIE76).
_WEIGHTS: Final = (0.45, 1.0, 1.0)
# Neither lost on a dark or white background nor grey like the section underneath (CIE L* and chroma).
_LIGHTNESS: Final = (35.0, 90.0)
_LEAST_CHROMA: Final = 30.0
_GRID_STEP: Final = 15


def default_colors(n_classes: int) -> tuple[str, ...]:
    """Return `n_classes` different colours; a smaller palette is always the beginning of a larger one.

    Parameters
    ----------
    n_classes : 1 to 254

    Returns
    -------
    tuple of '#rrggbb', lower case

    Raises
    ------
    InputError
        If `n_classes` is outside 1 to 254.
    """
    if not 1 <= n_classes <= MAX_CLASSES:
        raise InputError(f"{n_classes} classes can't be coloured; choose 1 to {MAX_CLASSES}")
    if n_classes <= len(_FIXED):
        return _FIXED[:n_classes]
    return _farthest_colors(_FIXED, n_classes)


def checked_color(color: str) -> str:
    """Return `color` in lower case.

    Raises
    ------
    InputError
        If it is not written as ``#rrggbb``.
    """
    if not _IS_COLOR(str(color)):
        raise InputError(f"colour {color!r} is not #rrggbb; write e.g. {_FIXED[0]}")
    return color.lower()


def _farthest_colors(first: tuple[str, ...], n_colors: int) -> tuple[str, ...]:
    """Return `first` and then, again and again, the candidate farthest from all colours so far."""
    levels = np.arange(0, 256, _GRID_STEP)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    seen = _lab_by_eye(grid)  # (eye, candidate, Lab)
    lightness, chroma = seen[0, :, 0], np.hypot(seen[0, :, 1], seen[0, :, 2])
    usable = (lightness >= _LIGHTNESS[0]) & (lightness <= _LIGHTNESS[1]) & (chroma >= _LEAST_CHROMA)
    grid, seen = grid[usable], seen[:, usable]

    def distance(rgb: ArrayLike) -> NDArray[np.float64]:
        apart = np.linalg.norm(seen - _lab_by_eye(rgb)[:, None], axis=-1)
        nearest: NDArray[np.float64] = (apart * np.array(_WEIGHTS)[:, None]).min(0)
        return nearest.round(6)  # so that the last bits of a processor don't decide a tie

    colors = list(first)
    gap = np.min([distance([int(c[i : i + 2], 16) for i in (1, 3, 5)]) for c in colors], axis=0)
    while len(colors) < n_colors:
        rgb = grid[int(gap.argmax())]
        colors.append("#{:02x}{:02x}{:02x}".format(*rgb))
        gap = np.minimum(gap, distance(rgb))
    return tuple(colors)


def _lab_by_eye(rgb: ArrayLike) -> NDArray[np.float64]:
    """Return CIE Lab (D65) of 8-bit sRGB, shape (3 eyes: full, protanope, deuteranope; ..., 3)."""
    value = np.asarray(rgb, dtype=np.float64) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    eyes = [np.clip(linear @ np.transpose(eye), 0, 1) for eye in (_TRICHROMACY, _PROTANOPIA, _DEUTERANOPIA)]
    xyz = np.stack(eyes) @ np.transpose(_XYZ) / np.sum(_XYZ, axis=1)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)
