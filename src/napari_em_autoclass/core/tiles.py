"""Which parts of the volume are trained on: regions held in memory, and tiles cut from them.

A region is a box of a few dozen sections that is read once and from which many tiles are cut, so that storage is read
little and memory stays the same for any volume.  Which region comes when depends on the seed and the step alone: a
resumed run sees the same tiles as one that was never interrupted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from pydantic import Field

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.settings import Nanometres, Settings
from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["RegionPlan", "Regions", "TilePlace", "TileSettings", "neighbour_offsets", "sample_places"]

TilePlace = tuple[int, int, int]
"""Section, top row and left column of a tile inside its region."""


class TileSettings(Settings):
    """What one training step sees."""

    size_px: int = Field(128, ge=32, le=1024, multiple_of=16)
    """Side of a training tile, in working pixels."""
    neighbour_distances_nm: tuple[Nanometres, ...] = Field((20.0, 45.0, 90.0), min_length=1, max_length=8)
    """How far away the neighbouring sections are that must be foretold (at least one section)."""
    shift_nm: float = Field(160.0, ge=0, le=10_000, json_schema_extra={"step": 10.0, "unit": "nm"})
    """How far neighbouring sections may be shifted against each other; the shift is found and allowed for."""
    region_px: int = Field(256, ge=32, le=4096, multiple_of=16)
    """Side of the regions read from storage at once, in working pixels."""
    region_sections: int = Field(12, ge=1, le=512)
    """Sections of a region that can be in the middle of a tile."""
    n_regions: int = Field(24, ge=1, le=4096)
    """Regions held in memory at once; more memory, more variety."""
    memory_mb: int = Field(512, ge=64, le=1_000_000, json_schema_extra={"step": 64, "unit": "MB"})
    """Most memory for regions, and for what is read ahead of them; with large regions fewer are held."""


class Regions(Protocol):
    """The order in which regions of a volume are read."""

    @property
    def n_regions(self) -> int:
        """How many there are in a pass."""

    def __getitem__(self, index: int) -> Box:
        """Return the region that is read as number `index` (0, 1, 2, ... without end)."""

    def together(self, index: int) -> range:
        """Return the numbers of the regions that are read along with number `index`: they share chunks."""


def neighbour_offsets(distances_nm: Sequence[float], gap_nm: float, n_sections: int) -> tuple[int, ...]:
    """Return the section offsets (positive, ascending, at least one) nearest to `distances_nm`.

    Parameters
    ----------
    distances_nm : wanted distances
    gap_nm : distance between neighbouring sections
    n_sections : sections of the volume; offsets of more than a quarter of them are dropped, so that at least half of
        the sections can stand in the middle

    Raises
    ------
    InputError
        If the volume has fewer than three sections.
    """
    if n_sections < 3:
        raise InputError(
            f"the stack has {n_sections} section(s); at least 3 are needed to learn from neighbouring sections"
        )
    wanted = {max(1, round(distance / gap_nm)) for distance in distances_nm}
    return tuple(sorted(offset for offset in wanted if offset == 1 or 4 * offset <= n_sections)) or (1,)


class RegionPlan:
    """The order in which regions of a volume are read.

    Small volumes are cut into a grid of regions that covers them, in shuffled order; of large ones regions are drawn at
    random for as long as the training lasts.

    Parameters
    ----------
    shape_zyx : working shape of the volume
    settings : sizes
    margin : sections needed on either side of a middle section
    seed : of the order
    left_out : sections that may not stand in the middle

    Raises
    ------
    InputError
        If a section is smaller than a tile, or no section may stand in the middle.
    """

    def __init__(
        self,
        shape_zyx: tuple[int, int, int],
        settings: TileSettings,
        margin: int,
        seed: int,
        left_out: frozenset[int] = frozenset(),
    ) -> None:
        if min(shape_zyx[1:]) < settings.size_px:
            height, width = shape_zyx[1:]
            raise InputError(
                f"tile {settings.size_px}x{settings.size_px} is larger than the section {height}x{width} "
                "(working pixels); choose a smaller tile (tiles.size_px) or a smaller working pixel size"
            )
        depth = min(settings.region_sections + 2 * margin, shape_zyx[0])
        side = max(settings.region_px, settings.size_px)
        self._sizes = (depth, min(side, shape_zyx[1]), min(side, shape_zyx[2]))
        tops = _cover(shape_zyx[0] - 2 * margin, depth - 2 * margin)
        starts = (
            [z for z in tops if _middles(z, depth, margin, left_out)],
            _cover(shape_zyx[1], self._sizes[1]),
            _cover(shape_zyx[2], self._sizes[2]),
        )
        if not starts[0]:
            raise InputError("too many sections are left out as damaged: none has its neighbours on both sides")
        self._counts = tuple(len(axis) for axis in starts)
        self._starts = starts
        self._seed = seed
        n = int(np.prod(self._counts))
        # A shuffled grid as long as it is small enough to hold its order; beyond that, repeats are rare anyway.
        self._order = np.random.default_rng((seed, 1)).permutation(n) if n <= 100_000 else None
        self.n_regions = n

    def __getitem__(self, index: int) -> Box:
        """Return the region that is read as number `index` (0, 1, 2, ... without end)."""
        if self._order is not None:
            cell = int(self._order[index % self.n_regions])
        else:
            cell = int(np.random.default_rng((self._seed, 2, index)).integers(self.n_regions))
        z, y, x = (axis[i] for axis, i in zip(self._starts, np.unravel_index(cell, self._counts), strict=True))
        depth, height, width = self._sizes
        return Box(z, z + depth, y, y + height, x, x + width)

    def together(self, index: int) -> range:
        """Return `index` alone: nothing is known of what regions share in storage."""
        return range(index, index + 1)


def _cover(length: int, size: int) -> list[int]:
    """Return starts of windows of `size` that cover `length`, evenly overlapping."""
    size = min(size, length)
    n = -(-length // size)
    return [round(start) for start in np.linspace(0, length - size, n)]


def _middles(z0: int, depth: int, margin: int, left_out: frozenset[int]) -> list[int]:
    """Return which sections of a region, counted in it, may stand in the middle of a tile."""
    return [z for z in range(margin, depth - margin) if z0 + z not in left_out]


def sample_places(
    boxes: Sequence[Box],
    n: int,
    settings: TileSettings,
    margin: int | Sequence[int],
    rng: np.random.Generator,
    *,
    left_out: frozenset[int] | Sequence[frozenset[int]] = frozenset(),
) -> list[tuple[int, TilePlace]]:
    """Return `n` random tiles as (index of the region, place of the tile in it), none in a section that is left out.

    Regions are drawn without replacement while they last: tiles of one step should come from distant places.

    Parameters
    ----------
    boxes : the regions
    n, settings : how many, of which size
    margin : sections needed on either side of a middle one; one number, or one for each region
    rng : what decides
    left_out : sections that may not stand in the middle; for all regions, or for each
    """
    margins = [margin] * len(boxes) if isinstance(margin, int) else margin
    sections = [left_out] * len(boxes) if isinstance(left_out, frozenset) else left_out
    order = rng.permutation(len(boxes))
    places: list[tuple[int, TilePlace]] = []
    for i in range(n):
        region = int(order[i % len(order)])
        depth, height, width = boxes[region].shape
        middles = _middles(boxes[region].z0, depth, margins[region], sections[region])
        z = middles[int(rng.integers(len(middles)))]
        y, x = int(rng.integers(height - settings.size_px + 1)), int(rng.integers(width - settings.size_px + 1))
        places.append((region, (z, y, x)))
    return places
