"""Classes that turn into each other from section to section are one structure: communities of the graph of classes.

Unlike `merge_tree`, which compares what classes look like too and offers every number of groups, this looks at
transitions alone, and a threshold may say how many groups there are.

Source: Ziegler & Asano, Self-supervised learning of object parts for semantic segmentation (Leopart), CVPR 2022,
section 3.3: a graph with an edge where both directions are frequent.  Their Infomap is replaced by average linkage, and
their co-occurrence within an image by what stands at the same place in the next section.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.scores.stream import iter_blocks, open_ids, read_ids
from napari_em_autoclass.core.scores.table import contingency

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_em_autoclass.core.merge_tree import Groups
    from napari_em_autoclass.core.volume import ArrayLike

__all__ = ["communities", "count_transitions"]


def count_transitions(classes: ArrayLike, n_classes: int) -> NDArray[np.int64]:
    """Return how often class ``i + 1`` has class ``j + 1`` at the same place in the next section, (K, K).

    Read block by block, so that a large map needs the memory of some sections.

    Parameters
    ----------
    classes : (Z, Y, X) integers 0..K; 0 is left out
    n_classes : K

    Raises
    ------
    InputError
        If ids are no integers, negative or above K.
    """
    ids, size = open_ids(classes, "class map"), n_classes + 1
    table = np.zeros((size, size), np.int64)
    before: NDArray[Any] | None = None
    for box in iter_blocks(ids.shape_zyx):
        block = read_ids(ids, box, n_classes)
        stack = block if box.z0 == 0 or before is None else np.concatenate([before[None], block])
        table += contingency(stack[:-1], stack[1:], (size, size))
        before = block[-1]
    return table[1:, 1:]


def communities(transitions: NDArray[np.number], n_groups: int | None = None, least_share: float = 0.05) -> Groups:
    """Return groups of class ids 1..K, each ascending, by smallest member; a class that never occurs stands in none.

    The likeness of two classes is the smaller of the two shares in which one turns into the other; average linkage
    joins classes until `n_groups` are left or, without a number, while the mean likeness is at least `least_share`.

    Parameters
    ----------
    transitions : (K, K) counts, see `count_transitions`
    n_groups : how many groups are wanted
    least_share : 0 to 1

    Raises
    ------
    InputError
        If the table is not square or `n_groups` is below 1.
    """
    counts = np.asarray(transitions, np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise InputError(f"transitions of shape {counts.shape} are no square table")
    if n_groups is not None and n_groups < 1:
        raise InputError(f"classes can't be merged into {n_groups} groups")
    counts = counts + counts.T  # which section comes first means nothing
    seen = np.flatnonzero(counts.sum(axis=1) > 0)
    if len(seen) < 2:
        return tuple((int(k) + 1,) for k in seen)
    shares = counts[np.ix_(seen, seen)] / counts[seen].sum(axis=1)[:, None]
    likeness = np.minimum(shares, shares.T)
    np.fill_diagonal(likeness, 1.0)
    tree = linkage(squareform(1 - likeness, checks=False), "average")
    how: tuple[float, str] = (1 - least_share, "distance") if n_groups is None else (n_groups, "maxclust")
    group_of = fcluster(tree, *how)
    members = (tuple(int(k) + 1 for k in seen[group_of == group]) for group in np.unique(group_of))
    return tuple(sorted(members))
