"""One organelle against the rest: precision, recall, F1 and Jaccard, with the border of the truth left out.

Where a border runs is a matter of taste within some voxels, and two people who trace the same organelle differ there
most.  So voxels that close to the border of the truth are not scored.

Source: Gallusser et al., Deep neural network automated segmentation of cellular structures in volume electron
microscopy (ASEM), Journal of Cell Biology 222, e202208005 (2023): the protocol; computed here from its description.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.scores.stream import iter_blocks, open_ids, read_ids
from napari_em_autoclass.core.volume import Box, Volume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_em_autoclass.core.volume import ArrayLike

__all__ = ["OrganelleCounts", "count_organelle", "score_organelle"]

_LARGEST_ID = 65535


@dataclass(frozen=True, slots=True)
class OrganelleCounts:
    """Voxels of each class, by what they are in truth; the border of the truth is left out.

    Parameters
    ----------
    inside : (2, K + 1) of the organelle, in the first and the second half of the sections
    outside : (2, K + 1) of everything else
    left_out : share of the voxels that are too close to the border
    """

    inside: NDArray[np.int64]
    outside: NDArray[np.int64]
    left_out: float


def score_organelle(counts: OrganelleCounts, class_ids: Sequence[int] | None = None) -> dict[str, Any]:
    """Return the figures, rounded to four digits.

    Parameters
    ----------
    counts : from `count_organelle`
    class_ids : the classes that mean the organelle, scored on all sections.  None: those that give the best F1 on the
        first half of the sections, scored on the second half

    Returns
    -------
    dict with precision, recall, f1, jaccard (0 where nothing is found), classes, and left_out, see `OrganelleCounts`

    Raises
    ------
    InputError
        If the organelle doesn't occur where it is scored, or a class id is unknown.
    """
    n = counts.inside.shape[1]
    chosen = _best_classes(counts.inside[0], counts.outside[0]) if class_ids is None else sorted(set(class_ids))
    if class_ids is not None and (not chosen or chosen[0] < 0 or chosen[-1] >= max(n, 2)):
        raise InputError(f"classes {list(class_ids)} are not in the map; its ids are 0 to {n - 1}")
    halves = slice(1, 2) if class_ids is None else slice(None)
    inside, outside = counts.inside[halves].sum(axis=0), counts.outside[halves].sum(axis=0)
    if not inside.sum():
        where = "in the second half of the sections" if class_ids is None else "in the labels"
        raise InputError(f"the organelle does not occur {where} (away from borders); nothing can be scored")
    hits, found, there = int(inside[chosen].sum()), int((inside + outside)[chosen].sum()), int(inside.sum())
    return {
        "precision": round(hits / found if found else 0.0, 4),
        "recall": round(hits / there, 4),
        "f1": round(2 * hits / (found + there), 4),
        "jaccard": round(hits / (found + there - hits), 4),
        "classes": list(chosen),
        "left_out": round(counts.left_out, 4),
    }


def count_organelle(
    classes: ArrayLike,
    labels: ArrayLike,
    label_id: int,
    border: int = 2,
    voxel_size: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> OrganelleCounts:
    """Count classes inside and outside of an organelle, reading some sections at a time.

    Parameters
    ----------
    classes : (Z, Y, X) integers; a map of classes, or of 0 and 1
    labels : (Z, Y, X) integers.  If they hold ids other than 0 and `label_id`, 0 is unlabelled and not scored; else 0
        is everything else
    label_id : the organelle
    border : voxels (along x) on both sides of the border of the truth that are not scored; 0 scores all
    voxel_size : (z, y, x) in any unit; tells how many sections a border of so many voxels is deep

    Raises
    ------
    InputError
        If the shapes differ, or ids are negative, not integers or too large.
    """
    found, truth = open_ids(classes, "class map"), open_ids(labels, "labels")
    if found.shape_zyx != truth.shape_zyx:
        raise InputError(f"class map {found.shape_zyx} and labels {truth.shape_zyx} differ in shape")
    if label_id < 1 or border < 0:
        raise InputError(f"label {label_id} and border {border} make no sense; labels are 1 or more, borders 0 or more")
    depth = found.shape_zyx[0]
    counts = np.zeros((3, 2, 1), np.int64)  # inside, labelled outside, unlabelled; halves; classes
    n_left_out = 0
    for box in iter_blocks(found.shape_zyx, 2**21):
        ids = read_ids(found, box, _LARGEST_ID)
        values, is_border = _read_around(truth, box, label_id, border, voxel_size)
        n_left_out += int(is_border.sum())
        half = (np.arange(box.z0, box.z1) >= depth // 2).astype(np.int64)
        kind = np.where(values == label_id, 0, np.where(values > 0, 1, 2))
        n = max(int(ids.max()) + 1, counts.shape[2])
        flat = ((kind * 2 + half[:, None, None]) * n + ids)[~is_border]
        more = np.bincount(flat.ravel(), minlength=6 * n).reshape(3, 2, n)
        more[:, :, : counts.shape[2]] += counts
        counts = more
    inside, others, unlabelled = counts
    outside = others if others.any() else unlabelled
    return OrganelleCounts(inside, outside, float(n_left_out / np.prod(found.shape_zyx, dtype=float)))


def _read_around(
    truth: Volume, box: Box, label_id: int, border: int, voxel_size: tuple[float, float, float]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the labels in `box`, and which of its voxels are within `border` of the organelle's border."""
    sampling = np.array(voxel_size) / voxel_size[2]
    halo = np.ceil(border / sampling).astype(int) + 1 if border else np.zeros(3, int)
    z, y, x = halo.tolist()
    wide = Box(box.z0 - z, box.z1 + z, box.y0 - y, box.y1 + y, box.x0 - x, box.x1 + x).clipped(truth.shape_zyx)
    values = read_ids(truth, wide, _LARGEST_ID)
    low = (box.z0 - wide.z0, box.y0 - wide.y0, box.x0 - wide.x0)
    inner = tuple(slice(start, start + n) for start, n in zip(low, box.shape, strict=True))
    if not border:
        return values[inner], np.zeros(box.shape, bool)
    inside = values == label_id
    if inside.all() or not inside.any():
        return values[inner], np.zeros(box.shape, bool)
    # To the nearest voxel on the other side: 1 for a voxel that touches the border.
    away = [ndimage.distance_transform_edt(side, sampling=sampling) for side in (inside, ~inside)]
    return values[inner], (np.where(inside, *away) <= border)[inner]


def _best_classes(inside: NDArray[np.int64], outside: NDArray[np.int64]) -> list[int]:
    """Return the classes that together have the best F1: a prefix of those by precision."""
    total = inside + outside
    order = np.argsort(-inside / np.maximum(total, 1), kind="stable")
    order = order[inside[order] > 0]
    f1 = 2 * np.cumsum(inside[order]) / (np.cumsum(total[order]) + max(int(inside.sum()), 1))
    return sorted(order[: int(f1.argmax()) + 1].tolist()) if len(order) else []
