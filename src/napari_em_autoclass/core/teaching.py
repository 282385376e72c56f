"""Class maps that the teacher gives to a region: what the network is held to while it is refined.

The teacher may use what the network alone can't: the forecasts of the neighbouring sections, and smoothing along
structures.  The network, which sees one section, learns to do without, so that in the end a class map is one pass.  A
region is classified once and used for many tiles.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import pad

from napari_em_autoclass.core.device import autocast
from napari_em_autoclass.core.edge_smoothing import smoothed
from napari_em_autoclass.core.reclustering import averaged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_em_autoclass.core.classifier import ForecastClassifier
    from napari_em_autoclass.core.device import Device
    from napari_em_autoclass.core.regions import Region

__all__ = ["Teacher", "region_classes"]

# Sections classified at a step, so that nobody who presses Stop waits for a whole region; until there are so many
# pixels in all: on a processor a million takes about four seconds.
_SECTIONS_PER_STEP = 2
_MAX_PIXELS = 6_000_000


class Teacher:
    """A frozen network that holds the classes in place.

    Parameters
    ----------
    network : in evaluation mode
    since : step at which it became the teacher
    near, smoothing_px, device : see `region_classes`
    """

    def __init__(
        self, network: ForecastClassifier, since: int, near: int, smoothing_px: tuple[int, ...], device: Device
    ) -> None:
        self.network, self.since = network, since
        self._near, self._smoothing_px, self._device = near, smoothing_px, device
        self._maps: list[Tensor] = []  # of whole regions
        self._sections: list[Tensor] = []  # of the region in work
        self._work: Iterator[Tensor] = iter(())
        self._n_sections = 0

    def class_maps(self, regions: Sequence[Region], step: int) -> list[Tensor]:
        """Return the class maps (S, H, W) of the first regions: none at first, more with each step.

        Parameters
        ----------
        regions : those in memory at the step `since`, always the same
        step : of now; how many maps there are depends on it alone, so that a resumed run sees the same
        """
        at_most = min(len(regions), max(1, _MAX_PIXELS // regions[0].image.numel()))
        depths = [len(region.image) for region in regions[:at_most]]
        wanted = min(sum(depths), (step - self.since + 1) * _SECTIONS_PER_STEP)
        while self._n_sections < wanted:
            region = regions[len(self._maps)]
            if not self._sections:
                near = region.offsets[0] if region.offsets else self._near
                self._work = region_classes(self.network, region, near, self._smoothing_px, self._device)
            self._sections.append(next(self._work))
            self._n_sections += 1
            if len(self._sections) == len(region.image):
                self._maps.append(torch.stack(self._sections))
                self._sections = []
        return self._maps[: sum(end <= wanted for end in accumulate(depths))]


def region_classes(
    teacher: ForecastClassifier, region: Region, near: int, smoothing_px: tuple[int, ...], device: Device
) -> Iterator[Tensor]:
    """Yield the class map (H, W) uint8, values 0..K-1, of each section of a region, on the CPU.

    Parameters
    ----------
    teacher : in evaluation mode
    region : where
    near : distance of the sections whose forecasts are averaged
    smoothing_px : see `edge_smoothing.smoothing_steps_px`
    device : where to compute

    Yields
    ------
    Tensor
        Section by section.
    """
    n_sections = len(region.image)
    seen: dict[int, tuple[Tensor, Tensor]] = {}  # section: features (D, H, W) and forecast (T, H, W)
    for z in range(n_sections):
        seen = {s: values for s, values in seen.items() if s >= z - near}
        for s in (z, z + near):
            if s < n_sections and s not in seen:
                seen[s] = _seen(teacher, region.with_context(s, teacher.context), device)
        features, forecast = seen[z]
        # At the ends of a region its own section stands for the one that is missing.
        below, above = (
            region.above(seen[z + offset][1], z, offset) if 0 <= z + offset < n_sections else forecast
            for offset in (-near, near)
        )
        yield _classes(teacher, features, averaged(below, forecast, above), smoothing_px)


@torch.no_grad()
def _classes(teacher: ForecastClassifier, features: Tensor, forecast: Tensor, smoothing_px: tuple[int, ...]) -> Tensor:
    embedding = teacher.embed(features[None], forecast[None])[0]
    logits = smoothed(teacher.head(embedding[None])[0], embedding, smoothing_px)
    return logits.argmax(dim=0).to(torch.uint8).cpu()


@torch.no_grad()
def _seen(teacher: ForecastClassifier, image: Tensor, device: Device) -> tuple[Tensor, Tensor]:
    height, width = image.shape[1:]
    extra = (-width % teacher.stride, -height % teacher.stride)
    wide = pad(image[None].float(), (0, extra[0], 0, extra[1]), mode="replicate").to(device.name)
    with autocast(device):
        features = teacher.features(wide)[..., :height, :width].float()
    return features[0], teacher.forecast(features)[0]
