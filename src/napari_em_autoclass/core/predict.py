"""The class map of a whole volume, block by block: never more than some blocks are held."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_em_autoclass.core.block_plan import BlockPlan
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.tiling import TileGrid, TileResult, classify_tile
from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_em_autoclass.core.model import Model
    from napari_em_autoclass.core.split import Split
    from napari_em_autoclass.core.tiling import Classifier
    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["ClassBlock", "Predictor", "n_blocks", "predict_blocks"]

_MAX_SECTIONS = 16


@dataclass(frozen=True, slots=True)
class ClassBlock:
    """A finished block: `classes` (z, y, x) uint8, and `probs` (highest id, z, y, x) uint8 if asked for.

    In the boxes of `unreadable` they are 0, because the file could not be read there.
    """

    box: Box
    classes: NDArray[np.uint8]
    probs: NDArray[np.uint8] | None
    unreadable: tuple[Box, ...] = ()


@dataclass(frozen=True, eq=False)
class Predictor:
    """Everything that it takes to predict any block of a volume.

    Parameters
    ----------
    classifier : in evaluation mode
    working : the volume as the classifier wants to see it
    grid : of tiles
    wanted : ids whose probabilities are wanted
    plan : how the volume is cut into blocks
    """

    classifier: Classifier
    working: WorkingVolume
    grid: TileGrid
    wanted: tuple[int, ...]
    plan: BlockPlan

    @classmethod
    def of(
        cls,
        model: Model,
        volume: Volume,
        *,
        probabilities: bool = False,
        splits: Sequence[Split] = (),
        working: WorkingVolume | None = None,
    ) -> Predictor:
        """Return the predictor of a model for a volume.

        Parameters
        ----------
        model : what a run learned
        volume : a stack, not necessarily the one it learned from
        probabilities : whether they are wanted too: of the K classes, and of parts up to their highest id
        splits : classes to write in parts; those found with other weights are left out
        working : `volume` behind the normalisation, where that was fitted before

        Raises
        ------
        InputError
            If the file can't be read, or holds NaN.
        """
        working = working or model.working(volume)
        highest = max((model.settings.n_classes, *(i for split in splits for i in split.ids)))
        wanted = tuple(range(1, highest + 1)) if probabilities else ()
        grid = TileGrid.fit(working, model.classifier, model.settings.n_classes)
        tile = (grid.height * working.factors_yx[0], grid.width * working.factors_yx[1])
        held = volume.dtype.itemsize + 1 + len(wanted)
        plan = BlockPlan.fit(volume.shape_zyx, tile, held, _MAX_SECTIONS)
        return cls(model.split(splits), working, grid, wanted, plan)

    def block(
        self, index: int, *, skip_unreadable: bool = False, between: Callable[[], None] | None = None
    ) -> ClassBlock:
        """Return block number `index` of the plan.

        Parameters
        ----------
        index : from 0
        skip_unreadable : whether what can't be read is left 0 and told, instead of being an error
        between : called before each tile; may raise to end early

        Raises
        ------
        InputError
            If the file can't be read, or holds NaN; the message says where.
        """
        box = self.plan.box(index)
        classes = np.zeros(box.shape, np.uint8)
        probs = np.zeros((len(self.wanted), *box.shape), np.uint8) if self.wanted else None
        unreadable = []
        working = self._held(box)
        for z, y, x in self._places(box):
            if between is not None:
                between()
            tile = self._tile(working, (z, y, x), skip_unreadable)
            if isinstance(tile, Box):
                unreadable.append(tile)
                continue
            rows, columns = (
                slice(tile.box.y0 - box.y0, tile.box.y1 - box.y0),
                slice(tile.box.x0 - box.x0, tile.box.x1 - box.x0),
            )
            classes[z - box.z0, rows, columns] = tile.classes
            if probs is not None:
                probs[:, z - box.z0, rows, columns] = tile.probs
        return ClassBlock(box, classes, probs, tuple(unreadable))

    def _tile(self, working: WorkingVolume, place: tuple[int, int, int], skip: bool) -> TileResult | Box:
        """Return a tile, or if it can't be read and is to be left out, its voxels."""
        try:
            return classify_tile(self.classifier, working, self.grid, place, self.wanted or None)
        except InputError as error:
            z, y, x = place
            (fy, fx), (height, width) = working.factors_yx, self.grid.size_at(y, x)
            box = Box(z, z + 1, y * fy, (y + height) * fy, x * fx, (x + width) * fx).clipped(self.plan.shape_zyx)
            if skip:
                return box
            raise InputError(f"{error}; needed for section {z}, y {box.y0}:{box.y1}, x {box.x0}:{box.x1}") from error

    def _places(self, box: Box) -> Iterator[tuple[int, int, int]]:
        """Yield section and corner of each tile in a block, section by section: each is read once."""
        fy, fx = self.working.factors_yx
        for z in range(box.z0, box.z1):
            for y in range(box.y0 // fy, -(-box.y1 // fy), self.grid.height):
                for x in range(box.x0 // fx, -(-box.x1 // fx), self.grid.width):
                    yield z, y, x

    def _held(self, box: Box) -> WorkingVolume:
        """Return the volume with what a block needs of it held in memory, so that each chunk is unpacked once.

        If some of it can't be read, each tile reads for itself, and only those fail that must.
        """
        (fy, fx), volume = self.working.factors_yx, self.working.volume
        depth, rows, columns = volume.shape_zyx
        context = self.classifier.context
        y0, y1 = _seen(box.y0, box.y1, (self.grid.halo + self.grid.stride) * fy, rows)
        x0, x1 = _seen(box.x0, box.x1, (self.grid.halo + self.grid.stride) * fx, columns)
        around = Box(max(box.z0 - context, 0), min(box.z1 + context, depth), y0, y1, x0, x1)
        try:
            held = _Held(volume.read(around), around, volume.shape_zyx)
        except InputError:
            return self.working
        return replace(self.working, volume=replace(volume, data=held))


@dataclass(frozen=True, slots=True)
class _Held:
    """A part of a volume in memory, at its place: only `Volume.read` uses it, so only tuples of plain slices arrive."""

    data: NDArray[Any]
    box: Box
    shape: tuple[int, ...]

    @property
    def dtype(self) -> Any:
        return self.data.dtype

    def __getitem__(self, key: tuple[slice, slice, slice]) -> NDArray[Any]:
        corner = (self.box.z0, self.box.y0, self.box.x0)
        return self.data[tuple(slice(p.start - c, p.stop - c) for p, c in zip(key, corner, strict=True))]


def _seen(start: int, stop: int, halo: int, length: int) -> tuple[int, int]:
    """Return which voxels of an axis are seen around `start` to `stop`, those in the mirror of an end included."""
    low, high = start - halo, stop + halo
    # Beyond an end lies the mirror image of what is before it; it is taken a halo longer than it must be.
    if high >= length:
        low = min(low, 2 * length - high - halo)
    if start - halo <= 0:
        high = max(high, 2 * halo - start + halo)
    return max(low, 0), min(high, length)


def n_blocks(model: Model, volume: Volume, *, probabilities: bool = False, splits: Sequence[Split] = ()) -> int:
    """Return how many blocks `predict_blocks` will yield."""
    return len(Predictor.of(model, volume, probabilities=probabilities, splits=splits).plan)


def predict_blocks(
    model: Model, volume: Volume, *, probabilities: bool = False, splits: Sequence[Split] = ()
) -> Iterator[ClassBlock]:
    """Yield the class map of `volume` in blocks of some sections by some tiles; together they cover it exactly once.

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
    predictor = Predictor.of(model, volume, probabilities=probabilities, splits=splits)
    yield from map(predictor.block, range(len(predictor.plan)))
