"""The class map across the sections (XZ, YZ), strip by strip: coarse first, then fine, then kept fresh.

A network sees sections, so a plane across them needs a strip of each.  A strip is classified with the same
surroundings as its tile, so it has the values that the map of the whole section has there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_em_autoclass.core.clock import Timer
from napari_em_autoclass.core.events import UNCLEAR
from napari_em_autoclass.core.snapshot import highest_id
from napari_em_autoclass.core.tiling import TileGrid, classify_tile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_em_autoclass.core.events import CutRequest
    from napari_em_autoclass.core.tiling import Classifier
    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["CutMap", "CutPainter", "coarse_to_fine"]

_THICKEST = 16  # voxels of a strip that are handed out; thicker ones would fill memory for rows nobody looks at


class CutMap(NamedTuple):
    """Strips of some `sections` from `corner_yx` on: `classes`, `confidence`, each of `probs` (n, h, w) uint8."""

    sections: tuple[int, ...]
    corner_yx: tuple[int, int]
    classes: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    probs: tuple[tuple[int, NDArray[np.uint8]], ...]


class CutPainter:
    """Classifies the strips of one cut, a few at each call; when all are done it begins anew, with newer weights.

    Parameters
    ----------
    working : the volume
    n_classes : K
    request : the cut
    """

    def __init__(self, working: WorkingVolume, n_classes: int, request: CutRequest) -> None:
        self._working, self._n_classes = working, n_classes
        self.request = request
        self.is_complete = False
        self._order = coarse_to_fine(request.z0, request.z1)
        self._next = 0
        self._band: tuple[int, int] | None = None

    def take_up(self, request: CutRequest) -> bool:
        """Answer `request` from now on; return False where its strips are others, so that another painter must."""
        own = self.request
        same = replace(own, y0=0, y1=0, x0=0, x1=0, serial=0) == replace(request, y0=0, y1=0, x0=0, x1=0, serial=0)
        if not same or self._band is None or own.is_row != request.is_row:
            return False
        at, *rest = (request.y0, request.x0, request.x1) if own.is_row else (request.x0, request.y0, request.y1)
        known = [own.x0, own.x1] if own.is_row else [own.y0, own.y1]
        if rest != known or not self._band[0] <= at < self._band[1]:
            return False
        self.request = request
        return True

    def paint(self, classifier: Classifier, budget_s: float) -> CutMap:
        """Return the next strips: as many as can be had in `budget_s`, but one at least.

        Raises
        ------
        InputError
            If the file can't be read there.
        """
        timer = Timer()
        grid, box = self._strip_grid(classifier)
        highest = highest_id(classifier, self._n_classes)
        prob_classes = tuple(k for k in self.request.prob_classes if UNCLEAR <= k <= highest)
        sections: list[int] = []
        strips: list[tuple[NDArray[np.uint8], ...]] = []
        while not sections or not timer.is_due(budget_s):
            z = self._order[self._next]
            strips.append(self._strip(classifier, grid, (z, *box), prob_classes))
            sections.append(z)
            self._next += 1
            if self._next == len(self._order):
                self._next, self.is_complete = 0, True
                break
        classes, confidence, probs = (np.stack(kind) for kind in zip(*strips, strict=True))
        by_class = tuple((k, np.ascontiguousarray(probs[:, i])) for i, k in enumerate(prob_classes))
        return CutMap(tuple(sections), (box[0], box[2]), classes, confidence, by_class)

    def _strip_grid(self, classifier: Classifier) -> tuple[TileGrid, tuple[int, int, int, int]]:
        """Return a grid of flat (or narrow) tiles, and the box (y0, y1, x0, x1) in voxels that is handed out."""
        asked, (fy, fx) = self.request, self._working.factors_yx
        grid = TileGrid.fit(self._working, classifier, self._n_classes)
        _, rows, columns = self._working.volume.shape_zyx
        if asked.is_row:
            self._band = _band(asked.y0, classifier.stride * fy, rows)
            return replace(grid, height=classifier.stride), (*self._band, asked.x0, asked.x1)
        self._band = _band(asked.x0, classifier.stride * fx, columns)
        return replace(grid, width=classifier.stride), (asked.y0, asked.y1, *self._band)

    def _strip(
        self, classifier: Classifier, grid: TileGrid, box: tuple[int, int, int, int, int], prob_classes: tuple[int, ...]
    ) -> tuple[NDArray[np.uint8], ...]:
        z, y0, y1, x0, x1 = box
        fy, fx = self._working.factors_yx
        shape = (y1 - y0, x1 - x0)
        classes, confidence = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
        probs = np.zeros((len(prob_classes), *shape), np.uint8)
        high, wide = grid.height * fy, grid.width * fx
        for y in range(y0 // high * high, y1, high):
            for x in range(x0 // wide * wide, x1, wide):
                tile = classify_tile(classifier, self._working, grid, (z, y // fy, x // fx), prob_classes)
                top, bottom = max(tile.box.y0, y0), min(tile.box.y1, y1)
                left, right = max(tile.box.x0, x0), min(tile.box.x1, x1)
                here = (slice(top - y0, bottom - y0), slice(left - x0, right - x0))
                there = (
                    slice(top - tile.box.y0, bottom - tile.box.y0),
                    slice(left - tile.box.x0, right - tile.box.x0),
                )
                classes[here], confidence[here] = tile.classes[there], tile.confidence[there]
                probs[:, here[0], here[1]] = tile.probs[:, there[0], there[1]]
        return classes, confidence, probs


def coarse_to_fine(start: int, stop: int) -> tuple[int, ...]:
    """Return each of ``range(start, stop)`` once, so that the first ones lie evenly and the next lie between them."""
    n = stop - start
    step = 1 << max(n - 1, 0).bit_length()
    order = [start]
    while step > 1:
        half = step // 2
        order += range(start + half, stop, step)
        step = half
    return tuple(order)


def _band(at: int, thickness: int, length: int) -> tuple[int, int]:
    """Return from where to where the voxels reach that come with the one `at`."""
    thickness = min(thickness, _THICKEST)
    start = at // thickness * thickness
    return start, min(start + thickness, length)
