"""The class map of a whole volume, block by block: never more than some blocks are held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_em_autoclass.core.tiling import TileGrid, classify_tile
from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_em_autoclass.core.model import Model
    from napari_em_autoclass.core.split import Split
    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["ClassBlock", "n_blocks", "predict_blocks"]

_MAX_SECTIONS = 16
_MAX_BYTES = 128_000_000


@dataclass(frozen=True, slots=True)
class ClassBlock:
    """A finished block: `classes` (z, y, x) uint8, and `probs` (highest id, z, y, x) uint8 if asked for."""

    box: Box
    classes: NDArray[np.uint8]
    probs: NDArray[np.uint8] | None


def n_blocks(model: Model, volume: Volume, *, probabilities: bool = False, splits: Sequence[Split] = ()) -> int:
    """Return how many blocks `predict_blocks` will yield."""
    _, grid, depth = _layout(model, volume, _wanted(model, probabilities, splits))
    return len(list(grid.corners())) * -(-volume.shape_zyx[0] // depth)


def predict_blocks(
    model: Model, volume: Volume, *, probabilities: bool = False, splits: Sequence[Split] = ()
) -> Iterator[ClassBlock]:
    """Yield the class map of `volume` in blocks of some sections by one tile; together they cover it exactly once.

    Parameters
    ----------
    model : what a run learned
    volume : a stack, not necessarily the one it learned from
    probabilities : whether they are wanted too: of the K classes, and of parts up to their highest id
    splits : classes to write in parts; those found with other weights are left out

    Raises
    ------
    InputError
        If the file can't be read, or holds NaN.
    """
    wanted = _wanted(model, probabilities, splits)
    working, grid, depth = _layout(model, volume, wanted)
    classifier = model.split(splits)
    for z0 in range(0, volume.shape_zyx[0], depth):
        sections = range(z0, min(z0 + depth, volume.shape_zyx[0]))
        for y, x in grid.corners():
            tiles = [classify_tile(classifier, working, grid, (z, y, x), wanted) for z in sections]
            first = tiles[0].box
            box = Box(sections.start, sections.stop, first.y0, first.y1, first.x0, first.x1)
            probs = np.stack([tile.probs for tile in tiles], axis=1) if probabilities else None
            yield ClassBlock(box, np.stack([tile.classes for tile in tiles]), probs)


def _wanted(model: Model, probabilities: bool, splits: Sequence[Split]) -> tuple[int, ...]:
    """Return the ids whose probabilities are wanted."""
    highest = max((model.settings.n_classes, *(i for split in splits for i in split.ids)))
    return tuple(range(1, highest + 1)) if probabilities else ()


def _layout(model: Model, volume: Volume, wanted: tuple[int, ...]) -> tuple[WorkingVolume, TileGrid, int]:
    """Return the working volume, its tile grid, and how many sections make a block."""
    working = model.working(volume)
    grid = TileGrid.fit(working, model.classifier, model.settings.n_classes)
    fy, fx = working.factors_yx
    per_section = grid.height * fy * grid.width * fx * (len(wanted) + 1)
    return working, grid, max(1, min(_MAX_SECTIONS, _MAX_BYTES // per_section))
