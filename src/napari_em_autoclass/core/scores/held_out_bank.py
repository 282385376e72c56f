"""A filter bank that no recipe trains on, so that a label-free score doesn't judge a map by its own teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CHANNELS", "held_out_features"]

_SCALES_PX: Final = (1.5, 3.0, 6.0)
_PERCENTILES: Final = (10, 50, 90)
_WINDOW_PX: Final = 9

#: Names of the channels, in their order.
CHANNELS: Final = (
    *(f"{name} {scale}" for scale in _SCALES_PX for name in ("log", "deviation", "coherence")),
    *(f"percentile {percentile}" for percentile in _PERCENTILES),
)


def held_out_features(section: NDArray[Any]) -> NDArray[np.float32]:
    """Return the channels of one section.

    The section is standardised first, so that sections of different contrast can be compared.  Per scale s = 1.5, 3 and
    6 px: the Laplacian of a Gaussian, times s squared; the local absolute deviation from the local mean; the coherence
    of the structure tensor, 0 (no direction) to 1 (one direction).  Then the 10th, 50th and 90th percentile of
    9 x 9 px.

    Parameters
    ----------
    section : (Y, X), any real dtype

    Returns
    -------
    (12, Y, X) float32, in standard deviations of the section where not 0 to 1; a constant section gives zeros
    """
    image = _standardised(section)
    channels: list[NDArray[np.float32]] = []
    for scale in _SCALES_PX:
        channels.append(scale**2 * ndimage.gaussian_laplace(image, scale))
        channels.append(ndimage.gaussian_filter(np.abs(image - ndimage.gaussian_filter(image, scale)), scale))
        channels.append(_coherence(image, scale))
    channels += [ndimage.percentile_filter(image, percentile, size=_WINDOW_PX) for percentile in _PERCENTILES]
    return np.stack(channels)


def _standardised(section: NDArray[Any]) -> NDArray[np.float32]:
    image = np.nan_to_num(section.astype(np.float64), posinf=0.0, neginf=0.0)
    spread = float(image.std())
    standardised: NDArray[np.float32] = ((image - image.mean()) / (spread or 1.0)).astype(np.float32)
    return standardised


def _coherence(image: NDArray[np.float32], scale_px: float) -> NDArray[np.float32]:
    """Return ((l1 - l2) / (l1 + l2))**2 of the structure tensor's eigenvalues l1 >= l2.

    Source: Weickert, Coherence-enhancing diffusion filtering, IJCV 31, 111 (1999), normalised by the trace.
    """
    along_y, along_x = (ndimage.gaussian_filter(image, scale_px, order=order) for order in ((1, 0), (0, 1)))
    yy, yx, xx = (ndimage.gaussian_filter(a * b, scale_px) for a, b in _products(along_y, along_x))
    # A thousandth of a standard deviation per pixel is noise of the arithmetic, not a direction.
    coherence: NDArray[np.float32] = ((yy - xx) ** 2 + 4 * yx**2) / ((yy + xx) ** 2 + np.float32(1e-12))
    return np.clip(coherence, 0, 1)


def _products(a: NDArray[np.float32], b: NDArray[np.float32]) -> tuple[tuple[Any, Any], ...]:
    return (a, a), (a, b), (b, b)
