"""Regions of the volume in memory, each with the texture labels its tiles are to foretell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_em_autoclass.core.clusters import nearest_cluster
from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from napari_em_autoclass.core.classifier import FilterClassifier
    from napari_em_autoclass.core.tiles import RegionPlan
    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["Region", "RegionPool"]

_FIRST = 2
_STEPS_PER_REGION = 2
_STEPS_PER_REPLACEMENT = 10


@dataclass(frozen=True)
class Region:
    """A box read once: normalised sections (S, H, W) float16 and textons (S, H, W) uint8, on the CPU."""

    box: Box
    image: Tensor
    textons: Tensor


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
    """

    def __init__(self, working: WorkingVolume, plan: RegionPlan, textons: FilterClassifier, capacity: int) -> None:
        self._working, self._plan, self._textons = working, plan, textons
        self._capacity = min(capacity, plan.n_regions)
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
        sections = torch.from_numpy(self._working.read(wide))  # (S, H + 2 halo, W + 2 halo)
        inner = (slice(halo, -halo), slice(halo, -halo))
        device = self._textons.centres.device
        labels = []
        for section in sections:  # one by one: the responses of a section are twenty times its size
            responses = self._textons.responses(section[None, None].to(device))[..., inner[0], inner[1]]
            labels.append(nearest_cluster(responses, self._textons.centres)[0].to(torch.uint8).cpu())
        return Region(box, sections[:, inner[0], inner[1]].to(torch.float16), torch.stack(labels))
