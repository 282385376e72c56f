"""Sums per class from which means and variances follow, so that a volume can be looked at patch by patch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["class_moments"]


def class_moments(classes: NDArray[Any], features: NDArray[Any], n_classes: int) -> NDArray[np.float64]:
    """Return per class its voxels, then the sum of each channel, then that of its square.

    Parameters
    ----------
    classes : (N,) ids from 0 to ``n_classes - 1``
    features : (C, N)
    n_classes : of the table

    Returns
    -------
    (1 + 2 C, n_classes); those of two patches add up to those of both
    """
    rows = [np.bincount(classes, minlength=n_classes)]
    rows += [np.bincount(classes, weights=channel, minlength=n_classes) for channel in (*features, *features**2)]
    return np.array(rows, dtype=np.float64)
