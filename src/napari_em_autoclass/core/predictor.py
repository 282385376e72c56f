"""The predictor: foretells the class map of a section from those of its neighbours."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from napari_em_autoclass.core.settings import Settings

__all__ = ["Predictor", "PredictorSettings", "copy_neighbours", "prediction_skill"]


class PredictorSettings(Settings):
    """Size of the predictor."""

    width: int = Field(48, ge=4, le=256)
    """Channels inside the predictor."""
    reads: Literal["teacher", "student"] = "teacher"
    """Whose class maps of the neighbours are read: the steady teacher's, or the network's own (which moves too)."""


class Predictor(nn.Module):
    """Foretell class logits (B, K, h, w) from the neighbours' class probabilities (B, S - 1, K, h, w).

    It works at half resolution with two 5 x 5 depthwise convolutions, so it sees 18 working pixels: twice the shift
    that is usual between sections after registration.
    """

    def __init__(self, settings: PredictorSettings, n_classes: int, n_neighbours: int) -> None:
        super().__init__()
        width = settings.width
        # One mixing matrix per neighbour: which class foretells which depends on the side and the distance.
        self.mix = nn.Conv2d(n_neighbours * n_classes, width, 1)
        self.body = nn.Sequential(_separable(width), _separable(width), nn.Conv2d(width, n_classes, 1))

    def forward(self, neighbours: Tensor) -> Tensor:
        """Return logits (B, K, h, w); h and w must be even."""
        b, s, k, h, w = neighbours.shape
        half = avg_pool2d(neighbours.reshape(b, s * k, h, w), 2)  # (B, (S-1)*K, h/2, w/2)
        logits = self.body(self.mix(half))  # (B, K, h/2, w/2)
        return interpolate(logits, size=(h, w), mode="bilinear", align_corners=False)


def copy_neighbours(neighbours: Tensor) -> Tensor:
    """Return the null prediction: the mean of the neighbours' probabilities (B, S - 1, K, h, w), shape (B, K, h, w)."""
    return neighbours.mean(dim=1)


def _separable(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width, width, 5, padding=2, groups=width),
        nn.Conv2d(width, width, 1),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )


def prediction_skill(prediction: Tensor, truth: Tensor, neighbours: Tensor) -> float:
    """Return ``1 - CE(prediction, truth) / CE(copy, truth)``, at least -1: 0 is no better than copying the neighbours.

    1 is perfect foresight of certain classes; of undecided ones even the best prediction stays below it, by their own
    entropy.  Where the neighbours already agree (a collapsed map above all) there is nothing to be skilled at, and the
    ratio would run away: their cross-entropy counts as 0.05 nats at least.

    Parameters
    ----------
    prediction : (B, K, h, w) logits; truth : (B, K, h, w) probabilities; neighbours : (B, S - 1, K, h, w)
    """
    with torch.no_grad():
        ours = -(truth * prediction.float().log_softmax(dim=1)).sum(dim=1).mean()
        copied = -(truth * copy_neighbours(neighbours).clamp(min=1e-4).log()).sum(dim=1).mean()
        return max(-1.0, float(1 - ours / copied.clamp(min=0.05)))
