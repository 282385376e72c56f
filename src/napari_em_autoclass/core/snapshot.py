"""The class map of what is in view, with the weights of now."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_em_autoclass.core.classifier.split_classifier import SplitClassifier
from napari_em_autoclass.core.errors import Abandoned
from napari_em_autoclass.core.events import UNCLEAR
from napari_em_autoclass.core.tiling import TileGrid, classify_tile

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_em_autoclass.core.events import ViewRequest
    from napari_em_autoclass.core.tiling import Classifier
    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["ViewMap", "classify_view", "highest_id", "middle_view"]


_MOST_SIDE = 1024  # voxels


class ViewMap(NamedTuple):
    """Classes (h, w) uint8 ids, confidence (h, w) uint8, and (class id, probability (h, w) uint8) as asked for."""

    classes: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    probs: tuple[tuple[int, NDArray[np.uint8]], ...]


def middle_view(volume: Volume) -> ViewRequest:
    """Return a request for the middle section, of a large one for its middle: it must not take longer than a step."""
    from napari_em_autoclass.core.events import ViewRequest  # noqa: PLC0415

    depth, height, width = volume.shape_zyx
    (y0, y1), (x0, x1) = (
        ((n - shown) // 2, (n + shown) // 2) for n, shown in ((n, min(n, _MOST_SIDE)) for n in (height, width))
    )
    return ViewRequest(depth // 2, y0, y1, x0, x1)


def classify_view(
    classifier: Classifier,
    working: WorkingVolume,
    n_classes: int,
    view: ViewRequest,
    is_wanted: Callable[[], bool] | None = None,
) -> ViewMap:
    """Return the class map of the part of a section that `view` asks for, on the voxel grid.

    Where the classifier knows of splits, their parts stand in place of the class; `n_classes` is K all the same, since
    tiles, and with them the classes, must not change with a split.  A request that reaches outside the volume is
    answered for the part inside, at its place; the rest is 0.

    Raises
    ------
    Abandoned
        If `is_wanted`, asked before each tile, says no.
    """
    height, width = view.y1 - view.y0, view.x1 - view.x0
    prob_classes = tuple(k for k in view.prob_classes if UNCLEAR <= k <= highest_id(classifier, n_classes))
    classes = np.zeros((height, width), np.uint8)
    confidence = np.zeros((height, width), np.uint8)
    probs = np.zeros((len(prob_classes), height, width), np.uint8)
    grid = TileGrid.fit(working, classifier, n_classes)
    fy, fx = working.factors_yx
    z = min(max(view.z, 0), working.shape_zyx[0] - 1)
    for y, x in grid.corners():
        if (
            y * fy >= view.y1
            or (y + grid.height) * fy <= view.y0
            or x * fx >= view.x1
            or (x + grid.width) * fx <= view.x0
        ):
            continue
        if is_wanted is not None and not is_wanted():
            raise Abandoned
        tile = classify_tile(classifier, working, grid, (z, y, x), prob_classes)
        y0, y1 = max(tile.box.y0, view.y0), min(tile.box.y1, view.y1)
        x0, x1 = max(tile.box.x0, view.x0), min(tile.box.x1, view.x1)
        here = (slice(y0 - view.y0, y1 - view.y0), slice(x0 - view.x0, x1 - view.x0))
        there = (slice(y0 - tile.box.y0, y1 - tile.box.y0), slice(x0 - tile.box.x0, x1 - tile.box.x0))
        classes[here] = tile.classes[there]
        confidence[here] = tile.confidence[there]
        probs[:, here[0], here[1]] = tile.probs[:, there[0], there[1]]
    return ViewMap(classes, confidence, tuple(zip(prob_classes, probs, strict=True)))


def highest_id(classifier: Classifier, n_classes: int) -> int:
    """Return the highest id that `classifier` can answer with: K, or that of a part of a split class."""
    splits = classifier.splits if isinstance(classifier, SplitClassifier) else ()
    return max((n_classes, *(i for split in splits for i in split.ids)))
