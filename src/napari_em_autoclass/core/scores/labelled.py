"""Scores of a class map against dense labels, which tell how good a segmentation is one merge away.

The user merges K classes into the few structures of interest.  So the mapping class -> structure is fitted on the first
half of the sections (hill climbing on the mean IoU) and scored on the second half.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.scores.stream import iter_blocks, open_ids, read_ids
from napari_em_autoclass.core.scores.table import (
    contingency,
    entropy_nats,
    fit_mapping,
    majority_mapping,
    mapped_iou,
    mutual_information_nats,
    v_measure,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_em_autoclass.core.volume import ArrayLike, Volume

__all__ = ["LabelledCounts", "count_with_labels", "score_counts", "score_with_labels"]

# Structures below this share of the labelled voxels are rare: they stay out of the headline.
_SCORED_SHARE: Final = 0.01
_USED_SHARE: Final = 1e-3
_LARGEST_ID: Final = 65535
_LARGEST_TABLE: Final = 2**24


@dataclass(frozen=True, slots=True)
class LabelledCounts:
    """All that scoring needs to know of a class map and its labels.

    Parameters
    ----------
    fitted, tested : (K + 1, G + 1) voxel counts by class and label, first and second half of the sections; the middle
        section of an odd number is tested.  Unlabelled voxels (label 0) are left out.
    usage : (K + 1,) voxels of each class, labelled or not
    flips, pairs : voxels whose class differs in the next section, of so many that have a next one
    """

    fitted: NDArray[np.int64]
    tested: NDArray[np.int64]
    usage: NDArray[np.int64]
    flips: int
    pairs: int


def score_with_labels(classes: ArrayLike, labels: ArrayLike) -> dict[str, Any]:
    """Score a class map against dense labels, reading some sections at a time.

    Parameters
    ----------
    classes : (Z, Y, X) integers; 0 ("not classified") counts as a class of its own
    labels : (Z, Y, X) integers; 0 = unlabelled, not scored

    Returns
    -------
    see `score_counts`

    Raises
    ------
    InputError
        If the shapes differ, ids are negative, not integers or too large, there is a single section, or one half of
        the sections holds no label.
    """
    return score_counts(count_with_labels(classes, labels))


def count_with_labels(classes: ArrayLike, labels: ArrayLike) -> LabelledCounts:
    """Count classes against labels, reading some sections at a time; see `score_with_labels`.

    Raises
    ------
    InputError
        If the shapes differ, ids are negative, not integers or too large, or there is a single section.
    """
    class_volume, label_volume = open_ids(classes, "class map"), open_ids(labels, "labels")
    shape_zyx = class_volume.shape_zyx
    if shape_zyx != label_volume.shape_zyx:
        raise InputError(f"class map {shape_zyx} and labels {label_volume.shape_zyx} differ in shape")
    if shape_zyx[0] < 2:
        raise InputError("one section can't be scored: the mapping is fitted on one half and scored on the other")
    return _counted(class_volume, label_volume)


def score_counts(counts: LabelledCounts) -> dict[str, Any]:
    """Return the figures, rounded to four digits.

    Returns
    -------
    dict with

    - merged_miou: mean IoU over the structures that hold at least 1 % of the labelled voxels (the headline)
    - iou: IoU by label of each of those structures; nan where the second half lacks it
    - rare_iou: IoU by label of the rarer structures, each under a mapping fitted with them in the mean
    - v_measure: harmonic mean of homogeneity and completeness; 0 for a collapsed map
    - info_bits: mutual information of class and structure in bits; 0 for a collapsed map
    - info_share: the same as a share of what there is to know; 0 when there is one structure only
    - accuracy: share of labelled voxels right when each class means its most frequent structure
    - z_flip: share of voxels whose class differs in the next section; 0 for a collapsed map, so never read it alone
    - classes_used: number of classes that hold at least 0.1 % of the voxels

    Raises
    ------
    InputError
        If one half of the sections holds none of the structures to score.
    """
    table = counts.fitted + counts.tested
    share = table.sum(0) / max(table.sum(), 1)
    scored, present = np.flatnonzero(share >= _SCORED_SHARE), np.flatnonzero(share > 0)
    for half, part in (("first", counts.fitted), ("second", counts.tested)):
        if not part[:, scored].any():
            raise InputError(
                f"the {half} half of the sections holds no structure of at least 1 % of the labelled voxels;"
                " the mapping is fitted on the first half and scored on the second, label both"
            )
    headline = mapped_iou(counts.tested, fit_mapping(counts.fitted, scored))
    rare = mapped_iou(counts.tested, fit_mapping(counts.fitted, present))
    right = counts.tested[np.arange(len(table)), majority_mapping(counts.fitted, scored)].sum()
    information, knowable = mutual_information_nats(table), entropy_nats(table.sum(0))
    return {
        "merged_miou": round(float(np.nanmean(headline[scored])), 4),
        "iou": {int(i): round(float(headline[i]), 4) for i in scored},
        "rare_iou": {int(i): round(float(rare[i]), 4) for i in present if i not in scored},
        "v_measure": round(v_measure(table), 4),
        "info_bits": round(information / math.log(2), 4),
        "info_share": round(information / knowable if knowable else 0.0, 4),
        "accuracy": round(float(right / counts.tested.sum()), 4),
        "z_flip": round(counts.flips / counts.pairs, 4),
        "classes_used": int((counts.usage / counts.usage.sum() >= _USED_SHARE).sum()),
    }


def _counted(classes: Volume, labels: Volume) -> LabelledCounts:
    z, y, x = classes.shape_zyx
    halves = [np.zeros((1, 1), dtype=np.int64) for _ in range(2)]
    usage, flips = np.zeros(1, dtype=np.int64), 0
    before: NDArray[Any] | None = None  # (h, w), the section before the block
    for box in iter_blocks(classes.shape_zyx):
        ids, truth = read_ids(classes, box, _LARGEST_ID), read_ids(labels, box, _LARGEST_ID)
        usage = _sum(usage, np.bincount(ids.ravel()))
        stack = ids if box.z0 == 0 or before is None else np.concatenate([before[None], ids])
        flips += int((stack[1:] != stack[:-1]).sum())
        before = ids[-1]
        cut = min(max(z // 2 - box.z0, 0), len(ids))
        for i, part in enumerate((slice(None, cut), slice(cut, None))):
            halves[i] = _sum(halves[i], _labelled_table(ids[part], truth[part]))
    # Both with a row for every class, also one that is never labelled.
    shape = np.zeros((len(usage), max(half.shape[1] for half in halves)), dtype=np.int64)
    return LabelledCounts(_sum(shape, halves[0]), _sum(shape, halves[1]), usage, flips, (z - 1) * y * x)


def _labelled_table(ids: NDArray[Any], truth: NDArray[Any]) -> NDArray[np.int64]:
    labelled = truth > 0
    if not labelled.any():
        return np.zeros((1, 1), dtype=np.int64)
    ids, truth = ids[labelled], truth[labelled]
    shape = int(ids.max()) + 1, int(truth.max()) + 1
    if shape[0] * shape[1] > _LARGEST_TABLE:
        raise InputError(f"{shape[0]} classes x {shape[1]} labels are too many; give structures, not single objects")
    return contingency(ids, truth, shape)


def _sum(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    total = np.zeros(np.maximum(a.shape, b.shape), dtype=np.int64)
    for table in (a, b):
        total[tuple(slice(n) for n in table.shape)] += table
    return total
