"""Scores of a class map without labels: is it alive, is it steady along z, does it explain the image.

None of them tells alone whether a map is good.  Steadiness along z is best for a collapsed map; `csev` rejects recipes,
seeds and stopping times that are clearly worse (a gap above 0.03), at equal K and without smoothing along z; it doesn't
rank near-equals.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.scores.held_out_bank import CHANNELS, held_out_features
from napari_em_autoclass.core.scores.moments import class_moments
from napari_em_autoclass.core.scores.stream import iter_blocks, open_ids, read_ids
from napari_em_autoclass.core.scores.table import contingency, entropy_nats, mutual_information_nats
from napari_em_autoclass.core.volume import ArrayLike, Box, Volume

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = [
    "confidence",
    "csev",
    "csev_of_moments",
    "effective_classes",
    "explained_variance",
    "sample_boxes",
    "score_without_labels",
    "z_agreement",
    "z_kappa",
    "z_mutual_information",
]

_USED_SHARE: Final = 1e-3
_LARGEST_ID: Final = 1023  # the table of a section against the next is square
_CSEV_SECTIONS: Final = 24
_CSEV_SIDE_PX: Final = 192


def effective_classes(usage: NDArray[Any]) -> float:
    """Return exp(entropy of `usage`): 1 for a collapsed map, K when all K are used alike, 0 when nothing is classified.

    Parameters
    ----------
    usage : (K,) voxels or shares of each class
    """
    return math.exp(entropy_nats(usage)) if usage.sum() else 0.0


def confidence(prob: NDArray[Any]) -> float:
    """Return 1 - mean entropy of the pixels / ln K: 0 when all classes are as likely everywhere, 1 when one is certain.

    A collapsed map scores 1.

    Parameters
    ----------
    prob : (K, ...), sums to 1 over K
    """
    k = len(prob)
    if k < 2 or prob[0].size == 0:
        return 1.0
    logs = np.log(prob, out=np.zeros(prob.shape), where=prob > 0)
    return float(1 + (prob * logs).sum(0).mean() / math.log(k))


def z_agreement(table: NDArray[Any]) -> float:
    """Return the share of voxels with the same class in the next section; 1 for a collapsed map, so not read alone.

    Parameters
    ----------
    table : (K, K) voxels by class in a section and in the next; without voxels the score is 0, as are the next two
    """
    return float(np.trace(table) / max(table.sum(), 1))


def z_kappa(table: NDArray[Any]) -> float:
    """Return `z_agreement` corrected for chance: 1 when nothing changes, 0 by chance and for a collapsed map.

    It still rewards blur.  Source: Cohen, Educational and Psychological Measurement 20, 37 (1960).
    """
    total = max(float(table.sum()), 1.0)
    by_chance = float((table.sum(0) / total * (table.sum(1) / total)).sum())
    # A collapsed map agrees with itself by chance alone: 0 / 0.
    return (z_agreement(table) - by_chance) / (1 - by_chance) if 1 - by_chance > 1e-12 else 0.0


def z_mutual_information(table: NDArray[Any]) -> float:
    """Return what a voxel's class tells of the class in the next section, in nats; 0 for a collapsed or random map."""
    return mutual_information_nats(table)


def explained_variance(classes: NDArray[Any], features: NDArray[Any]) -> NDArray[np.float64]:
    """Return, for each channel, the share of its variance that the class means explain.

    Parameters
    ----------
    classes : (N,) ids from 0
    features : (C, N)

    Returns
    -------
    (C,), 0 (nothing, a collapsed map, a constant channel) to 1 (the classes tell the channel)
    """
    if classes.size == 0:
        return np.zeros(len(features))
    centred = features - features.mean(1, keepdims=True, dtype=np.float64)
    return _r_squared(class_moments(classes, centred, int(classes.max()) + 1))


def csev(classes: NDArray[Any], features_same: NDArray[Any], features_next: NDArray[Any]) -> float:
    """Return the cross-slice explained variance, 0 (a collapsed or random map) to 1.

    The square root of two means over the channels: how much of a channel's variance the classes explain in their own
    section, and how much at the same place in the next.

    Parameters
    ----------
    classes : (N,) ids from 0
    features_same, features_next : (C, N), see `held_out_bank`, of the classes' own section and of the next
    """
    return _geometric_mean(explained_variance(classes, features_same), explained_variance(classes, features_next))


def csev_of_moments(same: NDArray[np.float64], following: NDArray[np.float64]) -> float:
    """Return `csev` from sums, which can be added up patch by patch.

    Parameters
    ----------
    same, following : (1 + 2 C, K), see `moments.class_moments`, of the classes' own section and of the next
    """
    return _geometric_mean(_r_squared(same), _r_squared(following))


def score_without_labels(classes: ArrayLike, volume: ArrayLike | None = None) -> dict[str, Any]:
    """Score a class map without labels, reading some sections at a time.

    Parameters
    ----------
    classes : (Z, Y, X) integers up to 1023; 0 ("not classified") is left out
    volume : (Z, Y, X), the stack they were made from; without it there is no `csev`

    Returns
    -------
    dict, rounded to four digits

    - effective_classes: exp(entropy of the usage); 1 for a collapsed map
    - classes_used: number of classes that hold at least 0.1 % of the classified voxels
    - z_agreement: share of voxels with the same class in the next section; 1 for a collapsed map
    - z_kappa: the same corrected for chance; 0 for a collapsed map
    - z_mutual_information: nats that a class tells of the class in the next section; 0 for a collapsed map
    - csev: cross-slice explained variance on at most 24 patches of 192 px; 0 for a collapsed map

    All but the first two are 0 when there is a single section, all when nothing is classified.

    Raises
    ------
    InputError
        If the shapes differ, or ids are negative, not integers or too large.
    """
    class_volume = open_ids(classes, "class map")
    image = None if volume is None else Volume(volume, (1.0, 1.0, 1.0), "volume")
    if image is not None and image.shape_zyx != class_volume.shape_zyx:
        raise InputError(f"class map {class_volume.shape_zyx} and volume {image.shape_zyx} differ in shape")
    usage, following = _counted(class_volume)
    scores: dict[str, Any] = {
        "effective_classes": round(effective_classes(usage), 4),
        "classes_used": int((usage / max(usage.sum(), 1) >= _USED_SHARE).sum()),
        "z_agreement": round(z_agreement(following), 4),
        "z_kappa": round(z_kappa(following), 4),
        "z_mutual_information": round(z_mutual_information(following), 4),
    }
    return scores if image is None else {**scores, "csev": round(_sampled_csev(class_volume, image), 4)}


def _counted(classes: Volume) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the voxels of each class (K,), and of each in a section and the next (K, K)."""
    size = _LARGEST_ID + 1
    usage, following = np.zeros(size, dtype=np.int64), np.zeros((size, size), dtype=np.int64)
    before: NDArray[Any] | None = None  # (h, w), the section before the block
    for box in iter_blocks(classes.shape_zyx):
        ids = read_ids(classes, box, _LARGEST_ID)
        usage += np.bincount(ids.ravel(), minlength=size)
        stack = ids if box.z0 == 0 or before is None else np.concatenate([before[None], ids])
        top = int(stack.max()) + 1
        following[:top, :top] += contingency(stack[:-1], stack[1:], (top, top))
        before = ids[-1]
    return usage[1:], following[1:, 1:]


def _sampled_csev(classes: Volume, volume: Volume) -> float:
    """Return `csev` over the patches of `sample_boxes`, from sums, so that one patch is held at a time."""
    same, following = (np.zeros((1 + 2 * len(CHANNELS), _LARGEST_ID + 1)) for _ in range(2))
    for box in sample_boxes(classes.shape_zyx):
        ids = read_ids(classes, box, _LARGEST_ID)[0]
        pair = volume.read(replace(box, z1=box.z0 + 2))
        for moments, section in zip((same, following), pair, strict=True):
            moments += class_moments(ids[ids > 0], held_out_features(section)[:, ids > 0], _LARGEST_ID + 1)
    return csev_of_moments(same, following)


def sample_boxes(
    shape_zyx: tuple[int, int, int], most: int = _CSEV_SECTIONS, side_px: int = _CSEV_SIDE_PX
) -> Iterator[Box]:
    """Yield patches of one section that has a next one, spread evenly over the stack; all of a small stack.

    Parameters
    ----------
    shape_zyx : of the stack
    most, side_px : so many patches at most, of this side at most

    Yields
    ------
    Box
        One section deep.
    """
    z, y, x = shape_zyx
    height, width = min(y, side_px), min(x, side_px)
    n_patches = min(z - 1, most)
    for i in range(n_patches):
        z0 = i * (z - 1) // n_patches
        # Multiples of 1/p and 1/p^2, p the plastic number, spread evenly (Roberts's R2 sequence) and need no seed.
        y0, x0 = (
            int((i + 0.5) * step % 1 * room) for step, room in ((0.7549, y - height + 1), (0.5698, x - width + 1))
        )
        yield Box(z0, z0 + 1, y0, y0 + height, x0, x0 + width)


def _r_squared(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return, for each of C channels, the variance of its class means over its variance."""
    voxels, (sums, squares) = moments[0], np.split(moments[1:], 2)
    n = max(voxels.sum(), 1.0)
    mean_square = sums.sum(1) ** 2 / n
    between = (sums**2 / np.maximum(voxels, 1)).sum(1) - mean_square
    total = squares.sum(1) - mean_square
    varies = total > 1e-12 * n
    return np.where(varies, np.clip(between / np.where(varies, total, 1.0), 0.0, 1.0), 0.0)


def _geometric_mean(same: NDArray[np.float64], following: NDArray[np.float64]) -> float:
    return float(np.sqrt(same.mean() * following.mean()))
