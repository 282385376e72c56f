"""How good the segmentation is that somebody gets who merges nothing by hand: the score of suggested groups."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.scores.labelled import LabelledCounts, count_with_labels, score_counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_em_autoclass.core.volume import ArrayLike

__all__ = ["grouped_counts", "miou_at_groups"]


def miou_at_groups(classes: ArrayLike, labels: ArrayLike, groups: Sequence[Sequence[int]]) -> float:
    """Return `merged_miou` of a class map in which each of `groups` is one class; see `score_with_labels`.

    Only what a group is called comes from the labels of the first half, not which classes it holds.

    Parameters
    ----------
    classes : (Z, Y, X) integers; 0 ("not classified") counts as a group of its own
    labels : (Z, Y, X) integers; 0 = unlabelled, not scored
    groups : disjoint class ids; a class in none of them counts by itself

    Raises
    ------
    InputError
        As `score_with_labels`, and if the groups overlap or an id is below 1.
    """
    return float(score_counts(grouped_counts(count_with_labels(classes, labels), groups))["merged_miou"])


def grouped_counts(counts: LabelledCounts, groups: Sequence[Sequence[int]]) -> LabelledCounts:
    """Return the counts with the classes of a group as one, under its smallest id; `flips` stay as they are.

    Raises
    ------
    InputError
        If the groups overlap or an id is below 1.
    """
    ids = [class_id for group in groups for class_id in group]
    if len(set(ids)) < len(ids) or min(ids, default=1) < 1:
        raise InputError("groups overlap, or hold an id below 1")
    table = np.arange(len(counts.usage))
    for group in groups:
        known = [class_id for class_id in group if class_id < len(table)]  # a class that the map doesn't have
        table[known] = min(group)
    return replace(
        counts,
        fitted=_summed(counts.fitted, table),
        tested=_summed(counts.tested, table),
        usage=_summed(counts.usage, table),
    )


def _summed(rows: NDArray[np.int64], table: NDArray[np.intp]) -> NDArray[np.int64]:
    """Add row ``k`` to row ``table[k]``."""
    summed = np.zeros((max(len(rows), int(table.max(initial=0)) + 1), *rows.shape[1:]), rows.dtype)
    np.add.at(summed, table, rows)
    return summed
