"""How the classes of a map relate: which follows which along z, which touch in the plane, what each looks like.

Counted from pairs of neighbouring sections, one patch at a time, so that a large stack needs the memory of a patch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import ViewRequest
from napari_em_autoclass.core.scores.held_out_bank import CHANNELS, held_out_features
from napari_em_autoclass.core.scores.moments import class_moments
from napari_em_autoclass.core.scores.stream import open_ids, read_ids
from napari_em_autoclass.core.scores.table import contingency
from napari_em_autoclass.core.tiling import TileGrid
from napari_em_autoclass.core.volume import ArrayLike, Box, Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from napari_em_autoclass.core.model import Model

__all__ = ["ClassRelations", "count_relations", "relations_of_map", "relations_of_model", "sample_pairs"]

_PATCHES: Final = 16
_SIDE_PX: Final = 256
_MOST_CLASSES: Final = 1023  # the tables are square
# The filters of a patch of this side take 0.25 s on one core; a larger one is looked at in its middle.
_FILTERED_PX: Final = 256


@dataclass(frozen=True, slots=True, eq=False)
class ClassRelations:
    """What is known of K classes; index ``k - 1`` stands for class ``k``.

    Parameters
    ----------
    sizes : (K,) pixels of each class
    following : (K, K) pixels of one class that have the other at the same place in the next section
    touching : (K, K) symmetric, sides shared by pixels of two classes in one section; on the diagonal of one
    features : (K, C) mean of each channel of `held_out_features`, in standard deviations of all pixels from their mean;
        0 for a class without pixels
    """

    sizes: NDArray[np.int64]
    following: NDArray[np.int64]
    touching: NDArray[np.int64]
    features: NDArray[np.float64]

    @property
    def n_classes(self) -> int:
        """K."""
        return len(self.sizes)


def relations_of_map(classes: ArrayLike, volume: ArrayLike, n_classes: int) -> ClassRelations:
    """Return the relations in a class map, from patches spread evenly over the stack.

    Parameters
    ----------
    classes : (Z, Y, X) integers 0..K; 0 is left out
    volume : (Z, Y, X), the stack they were made from
    n_classes : K

    Raises
    ------
    InputError
        If the shapes differ, ids are negative, not integers or above K, or K is above 1023.
    """
    if n_classes > _MOST_CLASSES:
        raise InputError(f"{n_classes} classes are too many to compare; give structures, not single objects")
    ids, image = open_ids(classes, "class map"), Volume(volume, (1.0, 1.0, 1.0), "volume")
    if ids.shape_zyx != image.shape_zyx:
        raise InputError(f"class map {ids.shape_zyx} and volume {image.shape_zyx} differ in shape")
    pairs = sample_pairs(image.shape_zyx, (_SIDE_PX, _SIDE_PX))
    return count_relations(lambda box: read_ids(ids, box, n_classes), image, n_classes, pairs)


def relations_of_model(
    model: Model, volume: Volume, n_patches: int = _PATCHES, report: Callable[[float], None] = lambda _: None
) -> ClassRelations:
    """Return the relations between the classes that `model` finds in `volume`, classifying some patches of it.

    Parameters
    ----------
    model : what a run learned
    volume : a stack, not necessarily the one it learned from
    n_patches : how many pairs of tiles; one takes about 1.5 s on one core
    report : called with the fraction done (0 to 1) before each pair; may raise to end early

    Raises
    ------
    InputError
        If the volume can't be read.
    """
    n_classes, working = model.settings.n_classes, model.working(volume)
    grid, (fy, fx) = TileGrid.fit(working, model.classifier, n_classes), working.factors_yx
    # Whole tiles: a patch across a border would cost as much as all the tiles it touches.
    pairs = sample_pairs(volume.shape_zyx, (grid.height * fy, grid.width * fx), n_patches)

    def classes(box: Box) -> NDArray[np.uint8]:
        report(pairs.index(box) / len(pairs))
        views = (ViewRequest(z, box.y0, box.y1, box.x0, box.x1) for z in range(box.z0, box.z1))
        return np.stack([model.classify(working, view).classes for view in views])

    return count_relations(classes, volume, n_classes, pairs)


def count_relations(
    classes: Callable[[Box], NDArray[Any]], volume: Volume, n_classes: int, pairs: Iterable[Box]
) -> ClassRelations:
    """Return the relations found in `pairs` of sections.

    Parameters
    ----------
    classes : gives the class map of a box, integers 0..K; 0 is left out
    volume : the stack they were made from
    n_classes : K
    pairs : boxes of two sections, or of one where there is no other: then nothing follows
    """
    size = n_classes + 1
    following, touching = (np.zeros((size, size), np.int64) for _ in range(2))
    sizes, moments = np.zeros(size, np.int64), np.zeros((1 + 2 * len(CHANNELS), size))
    for box in pairs:
        ids = classes(box)
        sizes += np.bincount(ids.ravel(), minlength=size)
        following += contingency(ids[:-1], ids[1:], (size, size))
        for one, other in ((ids[:, 1:], ids[:, :-1]), (ids[:, :, 1:], ids[:, :, :-1])):
            sides = contingency(one, other, (size, size))
            touching += sides + sides.T
        middle = _middle(box)
        features = held_out_features(volume.read(middle)[0]).reshape(len(CHANNELS), -1)
        there = ids[0, middle.y0 - box.y0 : middle.y1 - box.y0, middle.x0 - box.x0 : middle.x1 - box.x0]
        moments += class_moments(there.ravel(), features, size)
    return ClassRelations(sizes[1:], following[1:, 1:], touching[1:, 1:], _standardised_means(moments[:, 1:]))


def sample_pairs(
    shape_zyx: tuple[int, int, int], tile_yx: tuple[int, int], n_patches: int = _PATCHES
) -> tuple[Box, ...]:
    """Return boxes of two neighbouring sections by one tile, spread evenly over a stack; of one if it has but one.

    `tile_yx` are the sides of the tiles that cover a section, the first in its corner.
    """
    depth, height, width = shape_zyx
    (high, wide), boxes = tile_yx, []
    for i in range(n_patches):
        z = i * max(depth - 1, 1) // n_patches
        # Multiples of 1/p and 1/p^2, p the plastic number, spread evenly (Roberts's R2 sequence) and need no seed.
        y, x = (
            int((i + 0.5) * step % 1 * -(-length // side)) * side
            for step, length, side in ((0.7549, height, high), (0.5698, width, wide))
        )
        boxes.append(Box(z, z + 2, y, y + high, x, x + wide).clipped(shape_zyx))
    return tuple(dict.fromkeys(boxes))  # in a small stack some are the same


def _middle(box: Box) -> Box:
    """Return the middle of the first section of `box`, at most `_FILTERED_PX` wide and high."""
    high, wide = (min(side, _FILTERED_PX) for side in box.shape[1:])
    y0, x0 = box.y0 + (box.shape[1] - high) // 2, box.x0 + (box.shape[2] - wide) // 2
    return replace(box, z1=box.z0 + 1, y0=y0, y1=y0 + high, x0=x0, x1=x0 + wide)


def _standardised_means(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the class means (K, C) in standard deviations of all pixels, from `class_moments` without class 0."""
    pixels, (sums, squares) = moments[0], np.split(moments[1:], 2)
    n = max(pixels.sum(), 1.0)
    mean = sums.sum(1) / n
    spread = np.sqrt(np.maximum(squares.sum(1) / n - mean**2, 0.0))
    scaled = (sums / np.maximum(pixels, 1) - mean[:, None]) / np.where(spread > 1e-9, spread, np.inf)[:, None]
    standardised: NDArray[np.float64] = np.where(pixels > 0, scaled, 0.0).T  # (K, C)
    return standardised
