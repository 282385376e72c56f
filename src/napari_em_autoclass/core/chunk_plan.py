"""Regions of a large chunked volume, placed so that a region costs about the bytes it holds.

The volume is cut into blocks of whole chunks.  A block is read at once and gives one or more regions; what the filters
look at around a region is part of its block.  So no chunk is read for its edge alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from math import ceil, prod
from typing import TYPE_CHECKING

import numpy as np

from napari_em_autoclass.core.chunk_grid import chunk_grid
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.held_boxes import stored_bytes
from napari_em_autoclass.core.tiles import RegionPlan
from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_em_autoclass.core.chunk_grid import ChunkGrid
    from napari_em_autoclass.core.tiles import Regions, TileSettings
    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["ChunkPlan", "PlanSizes", "plan_regions"]

# Of what is read in y and x so much more than what is learned from; the rest is what the filters look at around it.
_MOST_WASTE = 1.48
# Regions of one block that are learned from at a time: more of them would leave no room for other places.
_AT_ONCE = 6
_LONGEST_ORDER = 100_000


@dataclass(frozen=True, slots=True)
class PlanSizes:
    """What a region needs: `margin` sections on either side of a middle one, `halo` working pixels around it."""

    tiles: TileSettings
    margin: int
    halo: int

    @property
    def depth(self) -> int:
        """Sections of a region, about."""
        return self.tiles.region_sections + 2 * self.margin

    @property
    def side(self) -> int:
        """Side of a region, about, in working pixels."""
        return max(self.tiles.region_px, self.tiles.size_px)


def plan_regions(working: WorkingVolume, sizes: PlanSizes, seed: int, small_bytes: int) -> Regions:
    """Return the regions of a volume: laid out along its chunks if it has any and is too large to be held.

    Parameters
    ----------
    working : the volume
    sizes, seed : of its regions, and of their order
    small_bytes : a volume of so many bytes is read once, as a whole

    Raises
    ------
    InputError
        If a section is smaller than a tile, or no section may stand in the middle.
    """
    even = RegionPlan(working.shape_zyx, sizes.tiles, sizes.margin, seed, working.left_out)
    grid = chunk_grid(working.volume.data)
    if grid is None or stored_bytes(working.volume) <= small_bytes:
        return even
    return ChunkPlan(working, sizes, grid, seed)


class ChunkPlan:
    """The order in which regions of a chunked volume are read: those of a block come one after the other.

    Blocks come in shuffled order, each once in a pass; of a huge volume they are drawn at random.

    Parameters
    ----------
    working : the volume
    sizes : of its regions
    grid : of its chunks
    seed : of the order

    Raises
    ------
    InputError
        If no region has a section that may stand in the middle.
    """

    def __init__(self, working: WorkingVolume, sizes: PlanSizes, grid: ChunkGrid, seed: int) -> None:
        self._side, self._seed = sizes.side, seed
        _, height, width = working.shape_zyx
        fy, fx = working.factors_yx
        per_block = _chunks_across(grid, working.factors_yx, sizes)
        self._layers = _layers(grid, working, sizes)
        self._rows = _blocks(height, fy, grid.cuts(1, 0, working.volume.shape_zyx[1]), per_block[0], sizes)
        self._columns = _blocks(width, fx, grid.cuts(2, 0, working.volume.shape_zyx[2]), per_block[1], sizes)
        self._counts = (len(self._layers), len(self._rows), len(self._columns))
        self._n_blocks = int(np.prod(self._counts))
        self._usual = min(_AT_ONCE, len(self._parts(self._n_blocks // 2)))
        self._order, self._ends = None, np.array([])
        if self._n_blocks <= _LONGEST_ORDER:
            self._order = np.random.default_rng((seed, 1)).permutation(self._n_blocks)
            parts = (self._layers, *([_split(*of, self._side) for of in axis] for axis in (self._rows, self._columns)))
            z, y, x = (np.array([len(of_block) for of_block in axis]) for axis in parts)
            in_block = (z[:, None, None] * y[:, None] * x).clip(max=_AT_ONCE).ravel()
            self._ends = in_block[self._order].cumsum()
        self.n_regions = int(self._ends[-1]) if self._order is not None else self._n_blocks * self._usual

    def __getitem__(self, index: int) -> Box:
        """Return the region that is read as number `index` (0, 1, 2, ... without end)."""
        numbers = self.together(index)
        if self._order is not None:
            block = int(self._order[np.searchsorted(self._ends, index % self.n_regions, "right")])
        else:
            block = int(np.random.default_rng((self._seed, 2, numbers.start)).integers(self._n_blocks))
        parts = self._parts(block)
        order = np.random.default_rng((self._seed, 7, block)).permutation(len(parts))
        return parts[int(order[(index - numbers.start) % len(parts)])]

    def together(self, index: int) -> range:
        """Return the numbers of the regions that are read along with number `index`."""
        if self._order is None:  # as many of each block, so that a number alone says which block it belongs to
            first = index - index % self._usual
            return range(first, first + self._usual)
        before, within = divmod(index, self.n_regions)
        i = int(np.searchsorted(self._ends, within, "right"))
        first = int(self._ends[i - 1]) if i else 0
        return range(before * self.n_regions + first, before * self.n_regions + int(self._ends[i]))

    def _parts(self, block: int) -> list[Box]:
        """Return the regions of a block."""
        z, y, x = (int(i) for i in np.unravel_index(block, self._counts))
        sides = (_split(*self._rows[y], self._side), _split(*self._columns[x], self._side))
        return [Box(*zs, *ys, *xs) for zs, ys, xs in product(self._layers[z], *sides)]


def _layers(grid: ChunkGrid, working: WorkingVolume, sizes: PlanSizes) -> list[list[tuple[int, int]]]:
    """Return for each block along z the sections of its regions, (first, end): all regions are of one depth."""
    length, margin = working.shape_zyx[0], sizes.margin
    least = min(2 * margin + max(1, sizes.tiles.region_sections // 2), length)
    n_chunks = max(-(-least // grid.sizes[0]), round(sizes.depth / grid.sizes[0]), 1)
    full = min(n_chunks * grid.sizes[0], length)
    depth = full // max(1, min(round(full / sizes.depth), full // least))
    blocks = []
    for z0, z1 in _grouped(grid.cuts(0, 0, length), n_chunks, -(-depth // grid.sizes[0])):
        starts = range(z0, z1 - depth + 1, depth) or [max(z1 - depth, 0)]
        parts = [(z, z + depth) for z in starts if set(range(z + margin, z + depth - margin)) - working.left_out]
        blocks += [parts] if parts else []
    if not blocks:
        raise InputError("too many sections are left out as damaged: no region has one to learn from")
    return blocks


def _chunks_across(
    grid: ChunkGrid, factors_yx: tuple[int, int], sizes: PlanSizes
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return for y and for x how many chunks make a block, and how many at least can hold a tile."""
    chunks = [size / factor for size, factor in zip(grid.sizes[1:], factors_yx, strict=True)]  # working pixels
    around = 2 * sizes.halo
    # A working pixel may lie across two blocks, at either end.
    least = [ceil((sizes.tiles.size_px + around + 2) / chunk) for chunk in chunks]
    counts = [max(n, round((sizes.side + around) / chunk)) for n, chunk in zip(least, chunks, strict=True)]

    def waste() -> float:
        lengths = [n * chunk for n, chunk in zip(counts, chunks, strict=True)]
        return prod(length / max(length - around, 1) for length in lengths)

    while waste() > _MOST_WASTE:
        counts[0 if counts[0] * chunks[0] < counts[1] * chunks[1] else 1] += 1
    return (counts[0], least[0]), (counts[1], least[1])


def _blocks(
    length: int, factor: int, chunks: Sequence[tuple[int, int]], per_block: tuple[int, int], sizes: PlanSizes
) -> list[tuple[int, int]]:
    """Return what is learned from of each block along an axis, (first, end) in working pixels.

    Parameters
    ----------
    length : of the axis, working pixels
    factor : voxels of a working pixel
    chunks : (first, end) of each, in voxels
    per_block : chunks of a block, and of the last one at least
    sizes : what a region needs
    """
    found = []
    for low, high in _grouped(chunks, *per_block):
        # Where the volume ends it is mirrored, and nothing is needed from beyond.
        inner_low = -(-low // factor) + sizes.halo if low > 0 else 0
        inner_high = high // factor - sizes.halo if high < chunks[-1][1] else length
        if inner_high - inner_low < sizes.tiles.size_px:  # between a partial chunk and the edge
            inner_low = max(0, inner_high - sizes.tiles.size_px)
        if inner_high - inner_low >= sizes.tiles.size_px:
            found.append((inner_low, inner_high))
    return found or [(0, length)]


def _grouped(chunks: Sequence[tuple[int, int]], n: int, least: int) -> list[tuple[int, int]]:
    """Return groups of `n` neighbouring chunks, as (first, end); the last has at least `least`."""
    last = max(0, len(chunks) - min(n, least))
    starts = sorted({min(start, last) for start in range(0, len(chunks), n)})
    return [(chunks[start][0], chunks[min(start + n, len(chunks)) - 1][1]) for start in starts]


def _split(low: int, high: int, side: int) -> list[tuple[int, int]]:
    """Return equal parts of a range, each of at least `side`."""
    n = max(1, (high - low) // side)
    ends = [low + (high - low) * i // n for i in range(n + 1)]
    return list(pairwise(ends))
