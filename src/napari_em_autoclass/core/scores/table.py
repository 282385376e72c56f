"""Scores of a class map as functions of one contingency table.

A table has shape (K, G): ``table[k, g]`` voxels have class ``k`` and true structure ``g``.  It is summed over the whole
volume before any ratio is taken.  Row 0 ("not classified") counts as a class like the others; empty rows and columns
change nothing.  A table without voxels scores 0 everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "adjusted_rand_index",
    "best_assignment_miou",
    "contingency",
    "entropy_nats",
    "fit_mapping",
    "hungarian_accuracy",
    "majority_mapping",
    "many_to_one_accuracy",
    "mapped_iou",
    "mutual_information_nats",
    "v_measure",
]


def contingency(classes: NDArray[Any], labels: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.int64]:
    """Count how often each class meets each label.

    Parameters
    ----------
    classes, labels : equal shapes, integers from 0 to ``shape[0] - 1`` and ``shape[1] - 1``
    shape : (K, G) of the table

    Returns
    -------
    (K, G) voxel counts

    Raises
    ------
    InputError
        If the shapes differ, or a value doesn't fit into the table.
    """
    if classes.shape != labels.shape:
        raise InputError(f"class map {classes.shape} and labels {labels.shape} differ in shape")
    if classes.size == 0:
        return np.zeros(shape, dtype=np.int64)
    if min(classes.min(), labels.min()) < 0 or classes.max() >= shape[0] or labels.max() >= shape[1]:
        raise InputError(f"classes or labels outside 0 to {shape[0] - 1} and 0 to {shape[1] - 1}")
    flat = classes.ravel().astype(np.int64) * shape[1] + labels.ravel().astype(np.int64)
    return np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape)


def entropy_nats(counts: NDArray[Any]) -> float:
    """Return the entropy of `counts` (any shape, voxels or shares) in nats; 0 for a single or no kind."""
    from scipy.special import xlogy  # noqa: PLC0415  slow to import, and the dock counts voxels with this module too

    total = counts.sum()
    share = counts / total if total else np.zeros(counts.shape)
    return max(0.0, -float(xlogy(share, share).sum()))


def mutual_information_nats(table: NDArray[Any]) -> float:
    """Return the mutual information of rows and columns in nats; 0 for a collapsed map."""
    total = table.sum()
    if not total:
        return 0.0
    p = table / total
    by_chance = np.outer(p.sum(1), p.sum(0))
    met = table > 0
    return max(0.0, float((p[met] * np.log(p[met] / by_chance[met])).sum()))


def v_measure(table: NDArray[Any]) -> float:
    """Return the harmonic mean of homogeneity and completeness, 0 to 1.

    Equal to the mutual information over the mean of both entropies.  A collapsed map scores 0, also when there is but
    one structure (scikit-learn says 1 there: all is told apart that can be).

    Source: Rosenberg & Hirschberg, V-Measure, EMNLP 2007, with beta = 1.
    """
    both = entropy_nats(table.sum(1)) + entropy_nats(table.sum(0))
    return 2 * mutual_information_nats(table) / both if both else 0.0


def adjusted_rand_index(table: NDArray[Any]) -> float:
    """Return the share of voxel pairs treated alike by classes and structures, corrected for chance.

    1 when they agree up to names, 0 by chance and for a collapsed map, slightly negative when worse than chance.

    Source: Hubert & Arabie, Comparing partitions, Journal of Classification 2, 193 (1985).
    """
    alike = _pairs(table).sum()
    in_rows, in_columns = _pairs(table.sum(1)).sum(), _pairs(table.sum(0)).sum()
    by_chance = in_rows * in_columns / max(float(_pairs(table.sum())), 1.0)
    best = (in_rows + in_columns) / 2
    return float((alike - by_chance) / (best - by_chance)) if best > by_chance else 0.0


def hungarian_accuracy(table: NDArray[Any]) -> float:
    """Return the share of voxels right under the best one-to-one matching; voxels of unmatched classes are wrong."""
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415  as above

    rows, columns = linear_sum_assignment(table, maximize=True)
    return float(table[rows, columns].sum() / max(table.sum(), 1))


def many_to_one_accuracy(table: NDArray[Any]) -> float:
    """Return the share of voxels right when each class means its most frequent structure; it grows with K: state K."""
    return float(table.max(1).sum() / max(table.sum(), 1))


def best_assignment_miou(table: NDArray[Any]) -> float:
    """Return the mean IoU, over the structures that occur, that the best naming of the classes reaches.

    Coordinate ascent from two starts: the most frequent structure of each class, and the one that it holds most of
    compared with chance, which gives rare structures a class to begin with.
    """
    present = np.flatnonzero(table.sum(0))
    if not len(present):
        return 0.0
    table = table[np.lexsort(table.T)]  # where the climb ends must not depend on how the classes are numbered
    lift = table / np.maximum(table.sum(0), 1)  # the row's own total doesn't change its argmax
    starts = (majority_mapping(table, present), present[lift[:, present].argmax(1)])
    return max(_mean_iou(mapped_iou(table, fit_mapping(table, present, start)), present) for start in starts)


def majority_mapping(table: NDArray[Any], scored: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return for each class, shape (K,), its most frequent structure among `scored`."""
    mapping: NDArray[np.intp] = scored[table[:, scored].argmax(1)]
    return mapping


def mapped_iou(table: NDArray[Any], mapping: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the IoU of each structure, shape (G,), when class ``k`` means ``mapping[k]``; nan where it is absent."""
    return _iou(_mapped(table, mapping))


def fit_mapping(
    table: NDArray[Any], scored: NDArray[np.intp], start: NDArray[np.intp] | None = None
) -> NDArray[np.intp]:
    """Return the mapping class -> structure that a careful user would reach: hill climbing on the mean IoU.

    Parameters
    ----------
    table : (K, G) voxel counts
    scored : structures to map to, whose IoU is averaged; those absent from the table are left out of the mean
    start : (K,) mapping to begin with, else `majority_mapping`

    Returns
    -------
    (K,) structure of each class
    """
    mapping = (majority_mapping(table, scored) if start is None else start).copy()
    counts = _mapped(table, mapping)  # (G meant, G true)
    best = _mean_iou(_iou(counts), scored)
    improved = True
    while improved:
        improved = False
        for k in np.flatnonzero(table.any(1)):  # moving an empty class changes nothing
            for structure in scored:
                before = mapping[k]
                if structure == before:
                    continue
                _move(counts, table[k], before, structure)
                value = _mean_iou(_iou(counts), scored)
                if value > best + 1e-9:
                    best, improved, mapping[k] = value, True, structure
                else:
                    _move(counts, table[k], structure, before)
    return mapping


def _pairs(counts: Any) -> Any:
    wide = np.asarray(counts, dtype=np.float64)  # the square of 1e10 voxels doesn't fit into int64
    return wide * (wide - 1) / 2


def _mapped(table: NDArray[Any], mapping: NDArray[np.intp]) -> NDArray[np.float64]:
    n_labels = table.shape[1]
    counts = np.zeros((n_labels, n_labels))
    np.add.at(counts, mapping, table)
    return counts


def _move(counts: NDArray[np.float64], row: NDArray[Any], before: np.intp, after: np.intp) -> None:
    counts[before] -= row
    counts[after] += row


def _iou(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    right = np.diag(counts)
    true = counts.sum(0)
    union = true + counts.sum(1) - right
    return np.where(true > 0, right / np.maximum(union, 1), np.nan)


def _mean_iou(iou: NDArray[np.float64], scored: NDArray[np.intp]) -> float:
    present = iou[scored][~np.isnan(iou[scored])]
    return float(present.mean()) if len(present) else float("nan")
