"""The class maps of several recipes in the same colours: classes are called alike where they lie alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_em_autoclass.core.clusters import match_clusters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["matched_maps"]


def matched_maps(maps: Mapping[str, NDArray[np.uint8]], reference: str) -> dict[str, NDArray[np.uint8]]:
    """Return the maps with their classes renumbered, each to the class of the reference that it overlaps most.

    One to one, so that no two classes of a map become the same (Hungarian method on the overlap).

    Parameters
    ----------
    maps : by recipe, all of one shape, ids 1..K; 0 (nothing there) stays
    reference : the recipe that keeps its numbers
    """
    n_classes = max((int(ids.max()) for ids in maps.values()), default=1) or 1
    out = {}
    for recipe, ids in maps.items():
        there = (ids > 0) & (maps[reference] > 0)
        new_to_old, _ = match_clusters(maps[reference][there] - 1, ids[there] - 1, n_classes)
        table = np.concatenate([[0], new_to_old + 1]).astype(np.uint8)
        out[recipe] = ids if recipe == reference else table[ids]
    return out
