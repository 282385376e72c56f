"""A linear rule on what a classifier knows of each pixel: what somebody taught by painting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad

from napari_em_autoclass.core.classifier.inside import inside
from napari_em_autoclass.core.classifier.split_classifier import embedded

if TYPE_CHECKING:
    from napari_em_autoclass.core.classifier.filter_classifier import FilterClassifier
    from napari_em_autoclass.core.classifier.forecast_classifier import ForecastClassifier

__all__ = ["AROUND_PX", "ProbeClassifier", "n_numbers_of", "numbers"]

#: Widths over which the embedding is averaged too, working pixels: of three sets the best on isbi2012, by 0.01.
AROUND_PX: Final = (5, 17)


class ProbeClassifier(nn.Module):
    """One section in, logits of the painted kinds out; satisfies `tiling.Classifier`.

    Parameters
    ----------
    base : what a run learned, in evaluation mode
    weight : (C, F) of the rule, for the F numbers that `numbers` gives
    bias : (C,)
    """

    def __init__(self, base: FilterClassifier | ForecastClassifier, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.base = base
        self.weight: Tensor
        self.bias: Tensor
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    @property
    def context(self) -> int:
        """Sections above and below that are seen beside the one to classify."""
        return self.base.context

    @property
    def stride(self) -> int:
        """Sides of the input must be multiples of this."""
        return self.base.stride

    @property
    def radius_px(self) -> int:
        """How far from a pixel its class looks, in pixels."""
        return self.base.radius_px + max(AROUND_PX) // 2

    @torch.no_grad()
    def forward(self, image: Tensor, margin: int = 0) -> Tensor:
        """Return logits (N, C, h, w) of what lies inside a margin of normalised sections (N, 1, H, W)."""
        left = min(margin, max(AROUND_PX) // 2)
        embedding, probs = _known(self.base, image, margin - left)
        n = embedding.shape[1]
        own, *around, of_probs = torch.split(self.weight, [*[n] * (1 + len(AROUND_PX)), probs.shape[1]], dim=1)
        # The mean of a sum is the sum of means: C maps are averaged here and not the whole embedding.
        logits = _weighed(embedding, own) + _weighed(probs, of_probs) + self.bias[:, None, None]
        for side, weight in zip(AROUND_PX, around, strict=True):
            logits = logits + _averaged(_weighed(embedding, weight), side)
        return inside(logits, left)


@torch.no_grad()
def numbers(base: FilterClassifier | ForecastClassifier, image: Tensor) -> Tensor:
    """Return what `base` knows of each pixel (N, F, H, W): embedding, its averages around, class probabilities."""
    embedding, probs = _known(base, image)
    return torch.cat([embedding, *(_averaged(embedding, side) for side in AROUND_PX), probs], dim=1)


def n_numbers_of(base: FilterClassifier | ForecastClassifier) -> int:
    """Return F, how many numbers `numbers` gives for a pixel."""
    side = base.stride * max(1, -(-2 * max(AROUND_PX) // base.stride))
    device = next(iter(base.buffers())).device
    return int(numbers(base, torch.zeros(1, 2 * base.context + 1, side, side, device=device)).shape[1])


def _known(base: FilterClassifier | ForecastClassifier, image: Tensor, margin: int = 0) -> tuple[Tensor, Tensor]:
    """Return embedding (N, E, h, w) and class probabilities (N, K, h, w) of what lies inside a margin."""
    embedding, logits = embedded(base, image, margin)
    return embedding.float(), logits.float().softmax(dim=1)


def _weighed(values: Tensor, weight: Tensor) -> Tensor:
    return torch.einsum("nfhw,cf->nchw", values, weight)


def _averaged(values: Tensor, side: int) -> Tensor:
    """Return the means over squares of `side` pixels, along one axis after the other; the edge is repeated."""
    half = side // 2
    wide = avg_pool2d(pad(values, (half, half, 0, 0), mode="replicate"), (1, side), stride=1)
    return avg_pool2d(pad(wide, (0, 0, half, half), mode="replicate"), (side, 1), stride=1)
