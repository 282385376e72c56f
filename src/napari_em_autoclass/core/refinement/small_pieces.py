"""Crumbs of a class map given to what surrounds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["without_small_pieces"]


def without_small_pieces(classes: NDArray[Any], least: int) -> NDArray[Any]:
    """Return a class map in which every connected piece of a class has at least `least` pixels.

    Smaller pieces, of "not classified" too, get the class of the nearest pixel of a larger piece.  A map in which no
    piece is large enough stays as it is.  Pixels are connected through their sides.

    Parameters
    ----------
    classes : a section (h, w), or a block (z, y, x) in which pieces are counted in 3D; integers.  A piece that is cut
        by the border counts with what is inside, so whole sections are wanted
    least : pixels (voxels of a block); 1 changes nothing

    Raises
    ------
    InputError
        If `least` is below 1.
    """
    if least < 1:
        raise InputError(f"pieces can't have fewer than {least} pixels; give 1 or more")
    small = np.zeros(classes.shape, bool)
    for class_id in np.unique(classes).tolist():
        pieces, _ = ndimage.label(classes == class_id)
        sizes = np.bincount(pieces.ravel())
        is_small = sizes < least
        is_small[0] = False  # what is not of this class
        small |= is_small[pieces]
    if not small.any() or small.all():
        return classes.copy()
    nearest = ndimage.distance_transform_edt(small, return_distances=False, return_indices=True)
    filled: NDArray[Any] = classes[tuple(nearest)]
    return filled
