"""Draws the tiles of a step from the regions in memory, with the textons they are to foretell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_em_autoclass.core.chunk_plan import PlanSizes, plan_regions
from napari_em_autoclass.core.regions import Region, RegionPool, RegionSource, bytes_ahead
from napari_em_autoclass.core.tiles import RegionPlan, TilePlace, neighbour_offsets, sample_places
from napari_em_autoclass.core.views import turn
from napari_em_autoclass.core.volumes import refuse_unlike, section_offsets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from napari_em_autoclass.core.classifier import FilterClassifier
    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["DrawnTiles", "TileSource"]


@dataclass(frozen=True)
class DrawnTiles:
    """Tiles of one step, turned at random.

    `sections` (B, S, C, H, W) are the middle section and, if asked for, its neighbours in the order of
    `TileSource.neighbours`, each in the middle of the C sections that the network sees (1 as a rule); `pixels` (B, n)
    index the flattened H x W; `textons` maps a section offset to the textons (B * n,) at these pixels; `classes`
    (B, S, H, W) int64 are class maps of the same sections, if there are any.  Textons and classes are `regions.UNKNOWN`
    outside.
    """

    sections: Tensor
    pixels: Tensor
    textons: dict[int, Tensor]
    classes: Tensor | None = None


class TileSource:
    """Where tiles come from.

    Parameters
    ----------
    workings : the volumes; distances to neighbours are counted in sections of the first
    settings : of the beginning of the run

    Raises
    ------
    InputError
        If a volume has fewer than three sections, or a section is smaller than a tile, or the pixel sizes are unlike.
    """

    def __init__(self, *workings: WorkingVolume, settings: RunSettings) -> None:
        working = workings[0]
        gap_nm = working.volume.voxel_size_nm[0]
        self.offsets = neighbour_offsets(settings.tiles.neighbour_distances_nm, gap_nm, working.shape_zyx[0])
        # Nearest first: -1, +1, -2, +2, ...
        self.neighbours = tuple(sign * offset for offset in self.offsets for sign in (-1, 1))
        refuse_unlike(workings)
        self._workings, self._settings = workings, settings
        self._offsets = [section_offsets(self.offsets, gap_nm, w.volume.voxel_size_nm[0]) for w in workings]
        for other, offsets in zip(workings, self._offsets, strict=True):  # found here, before a folder is made
            RegionPlan(other.shape_zyx, settings.tiles, max(offsets), settings.seed, other.left_out)
        self._context = settings.classifier.context
        self._pool: RegionPool | None = None

    def open(self, textons: FilterClassifier) -> None:
        """Begin to read regions, labelled by `textons`."""
        tiles, seed = self._settings.tiles, self._settings.seed
        small, sources = bytes_ahead(tiles.memory_mb, len(self._workings)), list[RegionSource]()
        for i, (working, offsets) in enumerate(zip(self._workings, self._offsets, strict=True)):
            sizes = PlanSizes(tiles, max(offsets), textons.radius_px)
            sources.append(RegionSource(working, plan_regions(working, sizes, seed + i, small), offsets))
        self._pool = RegionPool(sources, textons, tiles.n_regions, tiles.shift_nm, tiles.memory_mb)

    def take_notices(self) -> list[str]:
        """Return what was left out of the training since the last call, in sentences for people."""
        return self._pool.take_notices() if self._pool is not None else []

    def draw(
        self,
        settings: RunSettings,
        step: int,
        n_tiles: int,
        rng: np.random.Generator,
        *,
        with_neighbours: bool = True,
        class_maps: Sequence[Tensor] | None = None,
    ) -> DrawnTiles:
        """Return the tiles of `step`.

        Parameters
        ----------
        settings, step, n_tiles, rng : what, and how many
        with_neighbours : whether the neighbouring sections' images are wanted
        class_maps : (S, H, W) for each of the first regions; tiles are then drawn from these regions only
        """
        regions = self.regions(step)
        if class_maps is not None:
            regions = regions[: len(class_maps)]
        chosen = [(regions[r], r, place) for r, place in self._places(regions, settings, n_tiles, rng)]
        symmetries = [int(s) for s in rng.integers(8, size=n_tiles)]
        size = settings.tiles.size_px
        n_pixels = min(settings.training.pixels_per_tile, size * size)
        pixels = torch.from_numpy(rng.integers(size * size, size=(n_tiles, n_pixels)))
        offsets = (0, *self.neighbours)
        sections, textons = [], dict[int, list[Tensor]]()
        classes = []
        for (region, r, place), symmetry, at in zip(chosen, symmetries, pixels, strict=True):
            shown = offsets if with_neighbours else (0,)
            own = (0, *(sign * offset for offset in region.offsets for sign in (-1, 1)))  # in sections of its volume
            sections.append(turn(region.sections(place, size, own[: len(shown)], self._context), symmetry))
            # Where the pixels lie before the turn: cheaper than to turn all maps for some of their pixels.
            before = turn(torch.arange(size * size).reshape(size, size), symmetry).flatten()[at]
            for offset, there in zip(offsets, own, strict=True):
                labels = region.labels(region.textons, place, size, there)
                textons.setdefault(offset, []).append(labels.flatten()[before])
            if class_maps is not None:
                maps = [region.labels(class_maps[r], place, size, there) for there in own]
                classes.append(turn(torch.stack(maps), symmetry))
        return DrawnTiles(
            torch.stack(sections),
            pixels,
            {offset: torch.cat(labels) for offset, labels in textons.items()},
            torch.stack(classes) if classes else None,
        )

    def triples(self, settings: RunSettings, step: int, n_tiles: int, rng: np.random.Generator) -> list[Tensor]:
        """Return tiles (3, C, H, W) to cluster on: a section between its nearest neighbours."""
        regions = self.regions(step)
        places = self._places(regions, settings, n_tiles, rng)
        size = settings.tiles.size_px
        near = [(-region.offsets[0], 0, region.offsets[0]) for region in regions]
        return [regions[r].sections(place, size, near[r], self._context) for r, place in places]

    def regions(self, step: int, is_wanted: Callable[[], bool] = lambda: True) -> list[Region]:
        """Return the regions in memory at `step`; see `RegionPool.at`."""
        assert self._pool is not None, "open() comes first"
        return self._pool.at(step, is_wanted)

    def _places(
        self, regions: Sequence[Region], settings: RunSettings, n: int, rng: np.random.Generator
    ) -> list[tuple[int, TilePlace]]:
        boxes = [region.box for region in regions]
        margins = [max(region.offsets) for region in regions]
        left_out = [self._workings[region.source].left_out for region in regions]
        return sample_places(boxes, n, settings.tiles, margins, rng, left_out=left_out)
