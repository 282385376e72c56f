"""Single objects inside one class: normalised cuts on a coarse grid, where objects that touch have a neck.

Each connected piece of the class is laid out in cells.  Cells that are near each other and alike are joined by an edge;
the piece is cut where that costs least, the smaller side is taken out as an object, and the rest is cut again.  A cut
that is no neck is not made: then the piece is one object.

Source: Wang, Girdhar, Yu & Misra, Cut and learn for unsupervised object detection and instance segmentation (CutLER),
CVPR 2023, section 3.2 (MaskCut).  Four things differ, because a section is no photograph: only near cells are joined
(objects of a class look alike, so that nothing else tells them apart); "touches three corners" becomes "covers more
than half"; the vector is cut where the cut is cheapest and not at its mean; and a cut that is not clearly narrower than
what it parts is not made (its cost alone doesn't tell: the middle of a rod is as cheap as the neck between two discs).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import ndimage
from scipy.linalg import eigh
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import LinearOperator, eigsh

from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Cutting", "cut_section", "normalised_cut", "object_cells"]

# As in the source: cells that are unlike are joined by next to nothing, so that the graph is connected.
_FAINT: Final = 1e-5
# Up to so many cells a dense solver takes below half a second; above, Lanczos on the sparse graph.
_MOST_DENSE: Final = 1000


@dataclass(frozen=True, slots=True)
class Cutting:
    """How a class is cut into objects.

    Parameters
    ----------
    cell_px : side of a cell, pixels
    alike : cosine similarity (-1 to 1) above which near cells are joined
    reach : how far apart joined cells may be, cells
    most_neck : how wide a cut may be, as a share of the width of the narrower of the two objects; unlike cells count
        as a gap, and 1 would cut through the middle of anything
    most_objects : in one connected piece
    least_cells : pieces and objects of fewer cells are not cut any more

    Raises
    ------
    InputError
        If a number is out of range.
    """

    cell_px: int = 8
    alike: float = 0.8
    reach: int = 2
    most_neck: float = 0.7
    most_objects: int = 16
    least_cells: int = 8

    def __post_init__(self) -> None:
        """Check at the door, once."""
        if self.cell_px < 1 or self.reach < 1 or self.most_objects < 1 or self.least_cells < 2:
            raise InputError("cell, reach and number of objects must be 1 or more, and the least cells 2 or more")
        if not -1 <= self.alike <= 1 or self.most_neck < 0:
            raise InputError("the similarity is from -1 to 1, and the width of a neck not negative")


def cut_section(
    inside: NDArray[np.bool_], features: NDArray[np.floating] | None = None, cutting: Cutting | None = None
) -> NDArray[np.int32]:
    """Return the objects (h, w) of a class in one section: 1, 2, ... inside, 0 outside.

    Parameters
    ----------
    inside : (h, w) where the class is; a whole section, since an object at a block's border would be cut there
    features : (C, h, w) what tells objects apart besides their shape (probabilities, grey values); None: shape alone
    cutting : see `Cutting`

    Raises
    ------
    InputError
        If the shapes differ.
    """
    how = cutting or Cutting()
    if features is not None and features.shape[1:] != inside.shape:
        raise InputError(f"features {features.shape} and section {inside.shape} don't fit")
    pieces, _ = ndimage.label(inside)
    objects, n_objects = np.zeros(inside.shape, np.int32), 0
    for number, where in enumerate(ndimage.find_objects(pieces), start=1):
        piece = pieces[where] == number
        found = _cut_piece(piece, None if features is None else features[(slice(None), *where)], how)
        objects[where][piece] = found[piece] + n_objects
        n_objects += int(found.max())
    return objects


def object_cells(
    places: NDArray[np.integer], values: NDArray[np.floating], depths: NDArray[np.floating], cutting: Cutting
) -> NDArray[np.int32]:
    """Return to which object each cell of a piece belongs, (n,), from 1 on.

    Parameters
    ----------
    places : (n, 2) row and column of each cell
    values : (n, C) what tells cells apart
    depths : (n,) how far it is from a cell to the border of the piece, cells
    cutting : see `Cutting`
    """
    objects, n_objects = np.ones(len(places), np.int32), 1
    left = np.arange(len(places))
    while n_objects < cutting.most_objects and len(left) >= 2 * cutting.least_cells:
        graph = _graph(places[left], values[left], cutting)
        side, vector = normalised_cut(graph, cutting.least_cells)
        chosen = _connected(places[left], side, vector)
        width = graph[chosen][:, ~chosen].sum() / _edges_per_cell(cutting.reach)
        narrower = 2 * min(depths[left[chosen]].max(), depths[left[~chosen]].max(initial=0))
        if width > cutting.most_neck * narrower or chosen.sum() < cutting.least_cells:
            break
        n_objects += 1
        objects[left[chosen]] = n_objects
        left = left[~chosen]
    return objects


def normalised_cut(graph: csr_matrix, least: int = 1) -> tuple[NDArray[np.bool_], NDArray[np.floating]]:
    """Return which nodes to take out (n,), never more than half, and the vector (n,) whose order decides.

    The vector is larger on the side that is taken out; it is cut where the cost of the cut is least.

    Parameters
    ----------
    graph : (n, n) symmetric, non-negative weights; every two nodes are joined by 1e-5 more
    least : nodes on either side

    Notes
    -----
    Source: Shi & Malik, Normalized cuts and image segmentation, IEEE TPAMI 22, 888 (2000), equation 2 for the cost and
    equation 11 for the vector.
    """
    vector = _second_vector(graph)
    order = np.argsort(vector, kind="stable")
    rank = np.empty(len(order), int)
    rank[order] = np.arange(len(order))
    edges = graph.tocoo()
    low, high = np.minimum(rank[edges.row], rank[edges.col]), np.maximum(rank[edges.row], rank[edges.col])
    n = len(order)
    # An edge is cut wherever one of its ends is below and the other above; each stands twice in a symmetric table.
    change = np.bincount(low, edges.data, n) - np.bincount(high, edges.data, n)
    below = np.arange(1, n)
    between = np.cumsum(change)[:-1] / 2 + _FAINT * below * (n - below)
    inside = np.cumsum(np.asarray(graph.sum(axis=1)).ravel()[order] + _FAINT * n)
    costs = between / inside[:-1] + between / np.maximum(inside[-1] - inside[:-1], 1e-12)
    allowed = (below >= least) & (below <= n - least)
    at = int(np.where(allowed, costs, np.inf).argmin()) + 1 if allowed.any() else n // 2
    if 2 * at <= n:
        return rank < at, -vector
    return rank >= at, vector


def _second_vector(graph: csr_matrix) -> NDArray[np.floating]:
    """Return the second smallest generalised eigenvector of ``(D - A) v = lambda D v``."""
    n = graph.shape[0]
    degree = np.asarray(graph.sum(axis=1)).ravel() + _FAINT * n
    root = np.sqrt(degree)
    if n <= _MOST_DENSE:
        weights = (graph.toarray() + _FAINT) / np.outer(root, root)
        vectors = eigh(weights, subset_by_index=[n - 2, n - 2])[1][:, 0]
        return np.asarray(vectors / root)
    # The largest is known (the root of the degree, value 1); without it the second is the largest.
    known = root / np.linalg.norm(root)

    def times(vector: NDArray[np.floating]) -> NDArray[Any]:
        scaled = np.ravel(vector) / root
        return np.asarray((graph @ scaled + _FAINT * scaled.sum()) / root - known * (known @ np.ravel(vector)))

    start = np.cos(np.arange(n) * 2.399963)  # any vector that is not special; fixed, so that runs repeat
    operator = LinearOperator((n, n), matvec=times, dtype=np.float64)
    return np.asarray(eigsh(operator, k=1, which="LA", v0=start, tol=1e-4, maxiter=20 * n)[1][:, 0] / root)


def _graph(places: NDArray[np.integer], values: NDArray[np.floating], cutting: Cutting) -> csr_matrix:
    """Return the edges (n, n) between near cells that are alike, each of weight 1."""
    unit = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)
    low = places.min(axis=0)
    at = np.full(places.max(axis=0) - low + 1 + 2 * cutting.reach, -1)
    rows, columns = (places - low + cutting.reach).T
    at[rows, columns] = np.arange(len(places))
    ends: list[NDArray[Any]] = []
    reach = cutting.reach
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            if 0 < dy * dy + dx * dx <= reach * reach:
                other = at[rows + dy, columns + dx]
                one = np.flatnonzero(other >= 0)
                pair = np.stack([one, other[one]])
                ends.append(pair[:, (unit[pair[0]] * unit[pair[1]]).sum(axis=1) > cutting.alike])
    first, second = np.concatenate(ends, axis=1) if ends else np.empty((2, 0), int)
    return csr_matrix((np.ones(len(first)), (first, second)), shape=(len(places), len(places)))


def _edges_per_cell(reach: int) -> int:
    """Return how many edges a straight cut of the width of one cell cuts."""
    far = range(-reach, reach + 1)
    return sum(dx for dx in range(1, reach + 1) for dy in far if dy * dy + dx * dx <= reach * reach)


def _connected(
    places: NDArray[np.integer], chosen: NDArray[np.bool_], vector: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Return which of the chosen cells are connected with the one where the vector is largest, (n,)."""
    low = places.min(axis=0)
    side = np.zeros(places.max(axis=0) - low + 1, bool)
    rows, columns = (places - low).T
    side[rows, columns] = chosen
    parts, _ = ndimage.label(side)
    part_of = parts[rows, columns]
    peak = int(np.where(chosen, vector, -np.inf).argmax())
    return np.asarray((part_of == part_of[peak]) & (part_of > 0))


def _cut_piece(piece: NDArray[np.bool_], features: NDArray[np.floating] | None, cutting: Cutting) -> NDArray[np.int32]:
    """Return the objects (h, w), from 1 on, of one connected piece; outside of it they mean nothing."""
    whole = np.ones(piece.shape, np.int32)
    side = cutting.cell_px
    if piece.sum() < 2 * cutting.least_cells * side * side / 2:
        return whole
    share = _pooled(piece[None].astype(np.float64), side)[0]  # (rows, columns)
    places = np.argwhere(share >= 0.5)
    if len(places) < 2 * cutting.least_cells:
        return whole
    if features is None:
        values = np.ones((len(places), 1))
    else:
        sums = _pooled(features * piece, side)  # (C, rows, columns), of the piece alone
        values = (sums / np.maximum(share, 1e-9))[:, places[:, 0], places[:, 1]].T
    cells = np.zeros(share.shape, np.int32)
    to_border = ndimage.distance_transform_edt(np.pad(piece, 1))[1:-1, 1:-1] / side  # (h, w), in cells
    depths = _pooled(to_border[None], side, np.max)[0][places[:, 0], places[:, 1]]
    cells[places[:, 0], places[:, 1]] = object_cells(places, values, depths, cutting)
    if cells.max() < 2:
        return whole
    fine = np.repeat(np.repeat(cells, side, axis=0), side, axis=1)[: piece.shape[0], : piece.shape[1]]
    fine[~piece] = 0
    nearest = ndimage.distance_transform_edt(fine == 0, return_distances=False, return_indices=True)
    filled = fine[tuple(nearest)]
    return np.asarray(np.unique(filled, return_inverse=True)[1].reshape(piece.shape) + 1, np.int32)


def _pooled(values: NDArray[np.floating], side: int, how: Callable[..., Any] = np.mean) -> NDArray[np.floating]:
    """Return the means (C, rows, columns) of cells of `side` pixels; what a cell at the border lacks counts as 0."""
    n, height, width = values.shape
    padded = np.pad(values, ((0, 0), (0, -height % side), (0, -width % side)))
    rows, columns = padded.shape[1] // side, padded.shape[2] // side
    return np.asarray(how(padded.reshape(n, rows, side, columns, side), axis=(2, 4)))
