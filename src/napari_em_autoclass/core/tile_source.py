"""Draws the tiles of a step from the regions in memory, with the textons they are to foretell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_em_autoclass.core.regions import Region, RegionPool
from napari_em_autoclass.core.tiles import RegionPlan, TilePlace, neighbour_offsets, sample_places
from napari_em_autoclass.core.views import turn

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from napari_em_autoclass.core.classifier import FilterClassifier
    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["DrawnTiles", "TileSource"]


@dataclass(frozen=True)
class DrawnTiles:
    """Tiles of one step, turned at random.

    `sections` (B, S, 1, H, W) are the middle section and its neighbours in the order of `TileSource.neighbours`;
    `pixels` (B, n) index the flattened H x W; `textons` maps a section offset to the textons (B * n,) at these pixels.
    """

    sections: Tensor
    pixels: Tensor
    textons: dict[int, Tensor]


class TileSource:
    """Where tiles come from.

    Parameters
    ----------
    working : the volume
    settings : of the beginning of the run

    Raises
    ------
    InputError
        If the volume has fewer than three sections, or a section is smaller than a tile.
    """

    def __init__(self, working: WorkingVolume, settings: RunSettings) -> None:
        gap_nm = working.volume.voxel_size_nm[0]
        self.offsets = neighbour_offsets(settings.tiles.neighbour_distances_nm, gap_nm, working.shape_zyx[0])
        # Nearest first: -1, +1, -2, +2, ...
        self.neighbours = tuple(sign * offset for offset in self.offsets for sign in (-1, 1))
        self._working = working
        self._plan = RegionPlan(working.shape_zyx, settings.tiles, max(self.offsets), settings.seed)
        self._capacity = settings.tiles.n_regions
        self._pool: RegionPool | None = None

    def open(self, textons: FilterClassifier) -> None:
        """Begin to read regions, labelled by `textons`."""
        self._pool = RegionPool(self._working, self._plan, textons, self._capacity)

    def draw(self, settings: RunSettings, step: int, n_tiles: int, rng: np.random.Generator) -> DrawnTiles:
        """Return the tiles of `step`."""
        regions = self._regions(step)
        places = self._places(regions, settings, n_tiles, rng)
        symmetries = [int(s) for s in rng.integers(8, size=n_tiles)]
        offsets = (0, *self.neighbours)
        size = settings.tiles.size_px
        n_pixels = min(settings.training.pixels_per_tile, size * size)
        pixels = torch.from_numpy(rng.integers(size * size, size=(n_tiles, n_pixels)))
        turned = [
            turn(_sections(regions[r], place, size, offsets), s)
            for (r, place), s in zip(places, symmetries, strict=True)
        ]
        textons = {
            offset: torch.cat(
                [
                    turn(_textons(regions[r], place, size, offset), s).flatten()[chosen]
                    for (r, place), s, chosen in zip(places, symmetries, pixels, strict=True)
                ]
            ).long()
            for offset in offsets
        }
        return DrawnTiles(torch.stack(turned), pixels, textons)

    def triples(self, settings: RunSettings, step: int, n_tiles: int, rng: np.random.Generator) -> list[Tensor]:
        """Return tiles (3, 1, H, W) to cluster on: a section between its nearest neighbours."""
        regions = self._regions(step)
        near = self.offsets[0]
        places = self._places(regions, settings, n_tiles, rng)
        return [_sections(regions[r], place, settings.tiles.size_px, (-near, 0, near)) for r, place in places]

    def _regions(self, step: int) -> list[Region]:
        assert self._pool is not None, "open() comes first"
        return self._pool.at(step)

    def _places(
        self, regions: Sequence[Region], settings: RunSettings, n: int, rng: np.random.Generator
    ) -> list[tuple[int, TilePlace]]:
        return sample_places([region.box for region in regions], n, settings.tiles, max(self.offsets), rng)


def _sections(region: Region, place: TilePlace, size: int, offsets: Sequence[int]) -> Tensor:
    """Return the sections (S, 1, H, W) float32 of a tile at `offsets` from its middle."""
    z, y, x = place
    return region.image[[z + offset for offset in offsets], y : y + size, x : x + size][:, None].float()


def _textons(region: Region, place: TilePlace, size: int, offset: int) -> Tensor:
    z, y, x = place
    return region.textons[z + offset, y : y + size, x : x + size]  # (H, W)
