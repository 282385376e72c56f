"""Tell simple statistics of the section and of its change along z from the learned features.

Wang et al. let a network tell where in a video the most happens, and in which direction.  Per pixel of a section that
becomes: how bright and how rough it is around here, how much changes from the section above to the one below, and
which way the texture runs.  The targets are data, so nothing can collapse; they say nothing about classes, but put
texture into the features, which helps most at the beginning.

The paper's motion itself is left out: in registered sections a shift is an error of the registration, and a network
that sees one section can't know it.

Source: Wang et al. 2019, "Self-supervised Spatio-temporal Representation Learning for Videos by Predicting Motion and
Appearance Statistics"; the idea, with statistics of our own.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad, smooth_l1_loss

from napari_em_autoclass.core.losses.base import LossTerm, Part, Sizes, StepBatch, TermOut, TrainState, absent
from napari_em_autoclass.core.losses.images import filled, wide, within

__all__ = ["STATISTICS", "SectionStatistics", "statistics_of"]

STATISTICS = ("brightness", "roughness", "run_cos", "run_sin", "coherence", "change")
"""What is told of each pixel; the last needs a section above and one below."""

# Added to a variance before its logarithm, in squared spreads of the volume: about the noise of a clean section.
_NOISE = 1e-2


@torch.no_grad()
def statistics_of(sections: Tensor, offsets: tuple[int, ...], mask: Tensor, window: int) -> Tensor:
    """Return the statistics (B, 6, h, w), or (B, 5, h, w) without "change", of each pixel's surroundings.

    Parameters
    ----------
    sections : (B, S, h, w), normalised images
    offsets : S section offsets, 0 first
    mask : (B, h, w) bool; only pixels where it holds are seen
    window : side of the square around a pixel, odd
    """
    image = wide(sections[:, 0])
    mean, variance = _moments(image, mask, window)
    told = [mean, variance.sqrt(), *_texture_run(_around(sections, offsets), mask, window)]
    above, below = _nearest(offsets)
    if above is not None and below is not None:
        change = wide(sections[:, above]) - wide(sections[:, below])
        told.append((_moments(change, mask, window)[1] + _NOISE).log())
    return within(torch.stack(told, dim=1), mask)


def _nearest(offsets: tuple[int, ...]) -> tuple[int | None, int | None]:
    """Return the indices of the nearest section above and below, None where there is none."""
    sides = ([i for i, z in enumerate(offsets) if z * sign > 0] for sign in (-1, 1))
    above, below = (min(side, key=lambda i: abs(offsets[i]), default=None) for side in sides)
    return above, below


def _around(sections: Tensor, offsets: tuple[int, ...]) -> Tensor:
    """Return the mean (B, h, w) of the section and its nearest neighbours: less noise, the same texture."""
    shown = [0, *(i for i in _nearest(offsets) if i is not None)]
    return wide(sections[:, shown]).mean(dim=1)


def _moments(image: Tensor, mask: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Return mean and variance (B, h, w) of the valid pixels in the window around each pixel."""
    valid = mask[:, None].to(image.dtype)
    weight = _window_means(valid, window).clamp(min=0.5 / window**2)
    # Around the mean of all, so that the squares don't cancel where the image is bright.
    middle = (image * mask).sum() / mask.sum().clamp(min=1)
    kept = within((image - middle)[:, None], mask)
    mean = _window_means(kept, window) / weight
    variance = _window_means(kept.square(), window) / weight - mean.square()
    return mean[:, 0] + middle, variance[:, 0].clamp(min=0)


def _texture_run(image: Tensor, mask: Tensor, window: int) -> list[Tensor]:
    """Return c cos 2t, c sin 2t and c of the structure tensor, each (B, h, w): c coherence 0 to 1, t orientation.

    Twice the angle, so that a line and the same line turned by half a turn are equal; times the coherence, so that
    nothing is told where nothing runs.
    """
    wider = pad(filled(image, mask)[:, None], (1, 1, 1, 1), mode="replicate")
    dy = wider[..., 2:, 1:-1] - wider[..., :-2, 1:-1]  # (B, 1, h, w)
    dx = wider[..., 1:-1, 2:] - wider[..., 1:-1, :-2]
    tensor = within(torch.cat([dx * dx, dy * dy, dx * dy], dim=1), mask)  # (B, 3, h, w)
    xx, yy, xy = _window_means(tensor, window).unbind(dim=1)
    trace = (xx + yy).clamp(min=1e-12)
    cos, sin = (xx - yy) / trace, 2 * xy / trace
    return [cos, sin, (cos.square() + sin.square()).sqrt()]


def _window_means(values: Tensor, window: int) -> Tensor:
    return avg_pool2d(values, window, stride=1, padding=window // 2, count_include_pad=True)


class SectionStatistics(LossTerm):
    """Let the features tell brightness, roughness, direction and change along z around a pixel: smooth L1 difference.

    Of statistics that are standardised over the batch, so it is 0 when all are told and about 0.4 when only their means
    are, as from features that are the same everywhere.

    Source: Wang et al. 2019.
    """

    samples_pixels = True
    kind: Literal["section_statistics"] = "section_statistics"
    """The features tell texture, direction and change along z."""
    window: int = Field(9, ge=3, le=63)
    """Side of the square around a pixel that is described, in pixels; odd."""

    @field_validator("window")
    @classmethod
    def _has_a_middle(cls, window: int) -> int:
        if window % 2 == 0:
            raise ValueError(f"the window must have an odd number of pixels, got {window}")
        return window

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return frozenset({"sections"})

    def network(self, sizes: Sizes) -> nn.Module:
        """Return what tells the statistics: linear, so that they stand in the features themselves."""
        return nn.Conv2d(sizes.n_features, len(STATISTICS), 1)

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a scalar, 0 or more; 0 without images."""
        if batch.sections is None or batch.features is None or not bool(batch.mask.any()):
            return absent(batch)
        targets = statistics_of(batch.sections, batch.offsets, batch.mask, self.window)
        targets = targets.movedim(1, -1)[batch.mask]  # (n, 5 or 6)
        targets = (targets - targets.mean(dim=0)) / targets.std(dim=0, correction=0).clamp(min=1e-4)
        with torch.autocast(targets.device.type, enabled=False):
            told = state.networks[self.kind](within(batch.features, batch.mask))
        told = told.movedim(1, -1)[batch.mask][:, : targets.shape[1]]  # (n, 5 or 6)
        each = smooth_l1_loss(told, targets, reduction="none").mean(dim=0)
        return TermOut(each.mean(), {name: float(x) for name, x in zip(STATISTICS, each.detach(), strict=False)})
