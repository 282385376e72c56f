"""Regions of the volume in memory, each with the texture labels its tiles are to foretell.

A region knows how its sections are shifted against each other: whatever is held against a neighbouring section is
looked up where it is, not where it would be if the sections lay exactly above each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_em_autoclass.core.clusters import nearest_cluster
from napari_em_autoclass.core.registration import section_drift
from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_em_autoclass.core.classifier import FilterClassifier
    from napari_em_autoclass.core.tiles import RegionPlan, TilePlace
    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["UNKNOWN", "Region", "RegionPool"]

UNKNOWN = -100
"""Label of a pixel that lies outside a shifted section; losses leave it out (torch's own number for that)."""

_FIRST = 2
_STEPS_PER_REGION = 2
_STEPS_PER_REPLACEMENT = 10


@dataclass(frozen=True)
class Region:
    """A box read once, on the CPU.

    `image` (S, H, W) float16, normalised; `textons` (S, H, W) uint8; `drift` (S, 2) int64, see
    `registration.section_drift`.  In place of each section in `left_out` (counted in the box) stands the nearest one
    that is not; its labels are not known.
    """

    box: Box
    image: Tensor
    textons: Tensor
    drift: Tensor
    left_out: frozenset[int] = frozenset()

    def sections(self, place: TilePlace, size: int, offsets: Sequence[int], context: int = 0) -> Tensor:
        """Return the sections (S', 2 * context + 1, size, size) float32 of a tile at `offsets` from its middle.

        Shifted sections are cut where the tile's content lies in them; beyond the region their edge is repeated.  Each
        stands between its own `context` sections on either side, as they lie: a network that sees them does so too when
        a stack is classified.
        """
        beside = range(-context, context + 1)
        cuts = [self._cut(self.image, place, size, offset, b)[0] for offset in offsets for b in beside]
        return torch.stack(cuts).reshape(len(offsets), len(beside), size, size).float()

    def with_context(self, z: int, context: int) -> Tensor:
        """Return section `z` between `context` sections on either side, (2 * context + 1, H, W) float16.

        At the ends of the region the end section stands for those that are missing.
        """
        return self.image[torch.arange(z - context, z + context + 1).clamp(0, len(self.image) - 1)]

    def labels(self, maps: Tensor, place: TilePlace, size: int, offset: int) -> Tensor:
        """Return the part (size, size) int64 of the label maps (S, H, W) that belongs to a tile.

        `UNKNOWN` where the tile, shifted with its section, reaches beyond the region, and of a section left out.
        """
        cut, is_inside = self._cut(maps, place, size, offset)
        if place[0] + offset in self.left_out:
            return torch.full_like(cut, UNKNOWN, dtype=torch.int64)
        return cut.long().masked_fill(~is_inside, UNKNOWN)

    def above(self, values: Tensor, z: int, offset: int) -> Tensor:
        """Return `values` (C, H, W) of section ``z + offset`` as they lie above or below section `z`."""
        dy, dx = self._shift(z, offset)
        height, width = values.shape[1:]
        rows = (torch.arange(height) + dy).clamp(0, height - 1)
        columns = (torch.arange(width) + dx).clamp(0, width - 1)
        return values[:, rows[:, None], columns[None, :]] if (dy, dx) != (0, 0) else values

    def _shift(self, z: int, offset: int) -> tuple[int, int]:
        dy, dx = (self.drift[z + offset] - self.drift[z]).tolist()
        return int(dy), int(dx)

    def _cut(self, maps: Tensor, place: TilePlace, size: int, offset: int, beside: int = 0) -> tuple[Tensor, Tensor]:
        """Return a tile's part (size, size) of the section at `offset`, and which of its pixels are inside.

        With `beside`, of the section so many further on, at the same pixels.
        """
        z, y, x = place
        dy, dx = self._shift(z, offset)
        height, width = maps.shape[1:]
        rows, columns = torch.arange(size) + (y + dy), torch.arange(size) + (x + dx)
        inside_y, inside_x = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
        section = maps[min(max(z + offset + beside, 0), len(maps) - 1)]
        cut = section[rows.clamp(0, height - 1)[:, None], columns.clamp(0, width - 1)[None, :]]
        return cut, inside_y[:, None] & inside_x[None, :]


class RegionPool:
    """The regions in memory at a given step: a function of the plan and the step alone.

    It starts with few, so that training begins at once, grows to its capacity, and then exchanges the oldest for new
    ones as long as the plan has regions that were not seen.

    Parameters
    ----------
    working : where to read
    plan : which region comes when
    textons : gives the texture labels
    capacity : regions held at most
    reach_nm : largest shift between neighbouring sections that is looked for
    """

    def __init__(
        self, working: WorkingVolume, plan: RegionPlan, textons: FilterClassifier, capacity: int, reach_nm: float = 0.0
    ) -> None:
        self._working, self._plan, self._textons = working, plan, textons
        self._capacity = min(capacity, plan.n_regions)
        self._reach_nm = reach_nm
        self._held: dict[int, Region] = {}

    def at(self, step: int) -> list[Region]:
        """Return the regions to train on at `step`, reading those that are new."""
        n_read = _FIRST + step // _STEPS_PER_REGION
        if n_read >= self._capacity:
            full_at = (self._capacity - _FIRST) * _STEPS_PER_REGION
            exchanged = max(0, step - full_at) // _STEPS_PER_REPLACEMENT
            n_read = self._capacity + (exchanged if self._plan.n_regions > self._capacity else 0)
        wanted = range(n_read - min(n_read, self._capacity), n_read)
        for index in [index for index in self._held if index not in wanted]:
            del self._held[index]
        for index in wanted:
            if index not in self._held:
                self._held[index] = self._read(self._plan[index])
        return [self._held[index] for index in wanted]

    @torch.no_grad()
    def _read(self, box: Box) -> Region:
        halo = self._textons.radius_px
        wide = Box(box.z0, box.z1, box.y0 - halo, box.y1 + halo, box.x0 - halo, box.x1 + halo)
        left_out = frozenset(z - box.z0 for z in self._working.left_out if box.z0 <= z < box.z1)
        read = torch.from_numpy(self._working.read(wide))  # (S, H + 2 halo, W + 2 halo)
        sections = read[_stand_ins(len(read), left_out)] if left_out else read
        inner = (slice(halo, -halo), slice(halo, -halo))
        device = self._textons.centres.device
        labels = []
        for section in sections:  # one by one: the responses of a section are twenty times its size
            responses = self._textons.responses(section[None, None].to(device))[..., inner[0], inner[1]]
            labels.append(nearest_cluster(responses, self._textons.centres)[0].to(torch.uint8).cpu())
        image = sections[:, inner[0], inner[1]]
        drift = section_drift(image, sum(self._working.pixel_nm) / 2, self._reach_nm)
        return Region(box, image.to(torch.float16), torch.stack(labels), drift, left_out)


def _stand_ins(n_sections: int, left_out: frozenset[int]) -> list[int]:
    """Return for each section itself, or the nearest that is not left out."""
    sound = [z for z in range(n_sections) if z not in left_out]
    return [min(sound, key=lambda s: abs(s - z)) for z in range(n_sections)]
