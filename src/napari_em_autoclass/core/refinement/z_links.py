"""Objects of one section carried over to the next: who overlaps is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import ndimage

from napari_em_autoclass.core.refinement.maskcut import Cutting, cut_section

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

__all__ = ["carried_over", "objects_by_section"]

# Of a piece that is not covered by objects of the section before, so much makes it a new object.
_LEAST_COVERED: Final = 0.2


def objects_by_section(
    read: Callable[[int], tuple[NDArray[np.bool_], NDArray[Any] | None]], depth: int, cutting: Cutting | None = None
) -> Iterator[tuple[int, NDArray[np.int32]]]:
    """Yield section number and objects (h, w) of each section, from the middle one to both ends.

    The middle section is cut; every other takes over the objects of its neighbour that was done before, and only what
    none of them covers is cut anew.  An object keeps its number through the stack; two sections are held.

    Parameters
    ----------
    read : from a section's number to where the class is (h, w), and what tells objects apart (C, h, w) or None
    depth : number of sections
    cutting : see `maskcut.Cutting`

    Yields
    ------
    tuple
        Number of the section, and its objects.
    """
    middle = depth // 2
    first = cut_section(*read(middle), cutting)
    yield middle, first
    n_objects = int(first.max())
    for sections in (range(middle + 1, depth), range(middle - 1, -1, -1)):
        before = first
        for z in sections:
            before = carried_over(before, *read(z), n_objects, cutting)
            n_objects = max(n_objects, int(before.max()))
            yield z, before


def carried_over(
    before: NDArray[np.int32],
    inside: NDArray[np.bool_],
    features: NDArray[Any] | None,
    n_objects: int,
    cutting: Cutting | None = None,
) -> NDArray[np.int32]:
    """Return the objects (h, w) of a section, from those of a neighbouring one.

    Within a connected piece each pixel takes the nearest object that is at the same place in the section before.  A
    piece of which less than a fifth was an object there is cut by itself and gets new numbers.

    Parameters
    ----------
    before : (h, w) objects of the neighbouring section, 0 outside
    inside, features : as `maskcut.cut_section` takes them
    n_objects : new numbers begin after this one
    cutting : see `maskcut.Cutting`
    """
    pieces, n_pieces = ndimage.label(inside)
    sizes = np.bincount(pieces.ravel(), minlength=n_pieces + 1)
    covered = np.bincount(pieces[before > 0], minlength=n_pieces + 1)
    is_new = covered < _LEAST_COVERED * sizes
    is_new[0] = False
    objects = np.zeros(inside.shape, np.int32)
    for number, where in enumerate(ndimage.find_objects(pieces), start=1):
        if is_new[number]:
            continue
        piece = pieces[where] == number
        known = np.where(piece, before[where], 0)
        nearest = ndimage.distance_transform_edt(known == 0, return_distances=False, return_indices=True)
        objects[where][piece] = known[tuple(nearest)][piece]
    fresh = is_new[pieces]
    if fresh.any():
        cut = cut_section(fresh, features, cutting)
        objects[fresh] = cut[fresh] + n_objects
    return objects
