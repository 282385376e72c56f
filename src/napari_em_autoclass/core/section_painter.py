"""The class map of a section, tile by tile from the middle out, then kept fresh with newer weights.

A large section takes seconds.  In pieces it shows from the first tile on, and neither a stop nor the next section
that somebody looks at waits for the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_em_autoclass.core.clock import Timer
from napari_em_autoclass.core.errors import Abandoned
from napari_em_autoclass.core.events import UNCLEAR
from napari_em_autoclass.core.snapshot import ViewMap, highest_id
from napari_em_autoclass.core.tiling import TileGrid, TileResult, classify_tile

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_em_autoclass.core.events import ViewRequest
    from napari_em_autoclass.core.tiling import Classifier
    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["Frame", "SectionPainter"]

#: y0, y1, x0, x1 in voxels of the section, half-open
Frame = tuple[int, int, int, int]


class _Canvas(NamedTuple):
    classes: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    probs: NDArray[np.uint8]


@dataclass
class _Round:
    """Tiles in the order in which they are painted, again and again."""

    grid: TileGrid
    corners: list[tuple[int, int]]
    next: int = 0

    def take(self) -> tuple[int, int]:
        corner = self.corners[self.next]
        self.next = (self.next + 1) % len(self.corners)
        return corner


class SectionPainter:
    """Classifies the tiles of what is looked at of a section, some at each call; when all are done it begins anew.

    What is only kept fresh comes in halves of tiles, since a whole one may take longer than half a second.  They have
    the values that the tiles have there, and cost a third more for their surroundings.

    Parameters
    ----------
    working : the volume
    n_classes : K
    request : the part of the section
    """

    def __init__(self, working: WorkingVolume, n_classes: int, request: ViewRequest) -> None:
        self._working, self._n_classes = working, n_classes
        self.request = request
        self._layout: tuple[TileGrid, tuple[int, ...]] | None = None
        self._canvas: _Canvas | None = None
        self._tiles: _Round | None = None
        self._halves: _Round | None = None
        self._in_a_hurry = 0  # so many tiles are wanted before anything else
        self._painted: dict[tuple[int, int], Frame] = {}

    @property
    def is_complete(self) -> bool:
        """Whether every pixel has been answered at least once."""
        return self._tiles is not None and len(self._painted) == len(self._tiles.corners)

    @property
    def is_hurried(self) -> bool:
        """Whether tiles are missing, or too old to be left beside new ones."""
        return self._tiles is None or self._in_a_hurry > 0

    @property
    def frames(self) -> tuple[Frame, ...]:
        """Where something has been painted."""
        return tuple(self._painted.values())

    def hurry(self) -> None:
        """Want all tiles anew before anything else: the classes are other ones."""
        self._in_a_hurry = len(self._tiles.corners) if self._tiles is not None else 0

    def take_up(self, request: ViewRequest) -> bool:
        """Answer `request` from now on; return False where it asks for something else, so that another painter must."""
        if replace(self.request, serial=0) != replace(request, serial=0):
            return False
        self.request = request
        return True

    def paint(self, classifier: Classifier, budget_s: float, is_wanted: Callable[[], bool] | None = None) -> ViewMap:
        """Return the map with the next tiles in it, 0 where none was painted yet.

        Parameters
        ----------
        classifier : in evaluation mode, with the weights of now
        budget_s : as many tiles as can be had in that time, but one at least
        is_wanted : asked before each tile

        Raises
        ------
        Abandoned
            If `is_wanted` says no before the first.
        InputError
            If the file can't be read there.
        """
        timer, n_painted = Timer(), 0
        prob_classes, canvas = self._laid_out(classifier)
        tiles = self._tiles if self.is_hurried else self._halves
        assert tiles is not None, "both are laid out"
        z = min(max(self.request.z, 0), self._working.shape_zyx[0] - 1)
        while n_painted == 0 or not (timer.is_due(budget_s) or tiles.next == 0):
            if is_wanted is not None and not is_wanted():
                if n_painted:
                    break
                raise Abandoned
            if tiles.corners:
                corner = tiles.take()
                found = classify_tile(classifier, self._working, tiles.grid, (z, *corner), prob_classes)
                frame = self._put(canvas, found)
                if tiles is self._tiles:
                    self._painted[corner] = frame
            self._in_a_hurry = max(self._in_a_hurry - 1, 0)
            n_painted += 1
        # Copies: nobody writes again to an array that was sent.
        probs = tuple(zip(prob_classes, canvas.probs.copy(), strict=True))
        return ViewMap(canvas.classes.copy(), canvas.confidence.copy(), probs)

    def _laid_out(self, classifier: Classifier) -> tuple[tuple[int, ...], _Canvas]:
        """Return the classes whose probabilities are painted, and what has been painted: nothing if tiles changed."""
        view = self.request
        prob_classes = tuple(k for k in view.prob_classes if UNCLEAR <= k <= highest_id(classifier, self._n_classes))
        layout = (TileGrid.fit(self._working, classifier, self._n_classes), prob_classes)
        if self._canvas is None or layout != self._layout:
            shape = (view.y1 - view.y0, view.x1 - view.x0)
            blank = (np.zeros((*n, *shape), np.uint8) for n in ((), (), (len(prob_classes),)))
            self._layout, self._canvas = layout, _Canvas(*blank)
            self._tiles, self._halves = (
                _Round(grid, self._middle_first(grid)) for grid in (layout[0], _halved(layout[0]))
            )
            self._painted.clear()
            self.hurry()
        return prob_classes, self._canvas

    def _middle_first(self, grid: TileGrid) -> list[tuple[int, int]]:
        """Return the corners of the tiles (working pixels) that the view touches, those in its middle first."""
        (fy, fx), view = self._working.factors_yx, self.request
        middle = ((view.y0 + view.y1) / 2, (view.x0 + view.x1) / 2)

        def distance(corner: tuple[int, int]) -> float:
            return max(
                abs((corner[0] + grid.height / 2) * fy - middle[0]) / grid.height,
                abs((corner[1] + grid.width / 2) * fx - middle[1]) / grid.width,
            )

        touched = [
            (y, x)
            for y, x in grid.corners()
            if y * fy < view.y1
            and (y + grid.height) * fy > view.y0
            and x * fx < view.x1
            and (x + grid.width) * fx > view.x0
        ]
        return sorted(touched, key=distance)

    def _put(self, canvas: _Canvas, tile: TileResult) -> Frame:
        view, box = self.request, tile.box
        y0, y1, x0, x1 = max(box.y0, view.y0), min(box.y1, view.y1), max(box.x0, view.x0), min(box.x1, view.x1)
        here = (..., slice(y0 - view.y0, y1 - view.y0), slice(x0 - view.x0, x1 - view.x0))
        there = (..., slice(y0 - box.y0, y1 - box.y0), slice(x0 - box.x0, x1 - box.x0))
        canvas.classes[here] = tile.classes[there]
        canvas.confidence[here] = tile.confidence[there]
        canvas.probs[here] = tile.probs[there]
        return y0, y1, x0, x1


def _halved(grid: TileGrid) -> TileGrid:
    """Return `grid` with tiles half as high; as it is where the surroundings are most of what a tile costs."""
    if grid.height <= grid.halo:
        return grid
    return replace(grid, height=-(-grid.height // (2 * grid.stride)) * grid.stride)
