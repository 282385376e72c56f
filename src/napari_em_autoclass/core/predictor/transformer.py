"""A small transformer as predictor: what lies anywhere in the tile may tell what the middle section shows.

Source: Assran et al. 2023 (I-JEPA) for the role of the narrow transformer, with the middle section as the target block
and its neighbours as context.  Re-implemented from the description.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

__all__ = ["TransformerPredictor"]

_TOKEN_PX = 8
_DEPTH = 2


class TransformerPredictor(nn.Module):
    """Foretell class logits (B, K, h, w) from the neighbours' class probabilities (B, S - 1, K, h, w).

    Tokens are the neighbours' class shares in squares of 8 x 8 pixels; what they come to know of each other is added to
    what each pair of pixels shows by itself.

    Parameters
    ----------
    n_classes : K
    n_neighbours : S - 1
    width : channels inside, rounded up to a multiple of 16
    """

    def __init__(self, n_classes: int, n_neighbours: int, width: int) -> None:
        super().__init__()
        width = -(-width // 16) * 16
        self.mix = nn.Conv2d(n_neighbours * n_classes, width, 1)
        layer = nn.TransformerEncoderLayer(
            width, width // 16, 2 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.tokens = nn.TransformerEncoder(layer, _DEPTH, enable_nested_tensor=False)
        self.body = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(inplace=True), nn.Conv2d(width, n_classes, 1))

    def forward(self, neighbours: Tensor) -> Tensor:
        """Return logits (B, K, h, w); h and w must be even."""
        b, s, k, h, w = neighbours.shape
        half = self.mix(avg_pool2d(neighbours.reshape(b, s * k, h, w), 2))  # (B, C, h/2, w/2)
        coarse = avg_pool2d(half, _TOKEN_PX // 2, ceil_mode=True)  # (B, C, h/8, w/8)
        known = self.tokens((coarse + _places(coarse)).flatten(2).mT).mT.unflatten(2, coarse.shape[2:])
        around = interpolate(known, size=half.shape[2:], mode="bilinear", align_corners=False)
        return interpolate(self.body(half + around), size=(h, w), mode="bilinear", align_corners=False)


def _places(maps: Tensor) -> Tensor:
    """Return codes (C, h, w) of the place of each token: sines and cosines of row and column, a quarter each."""
    n = maps.shape[1] // 4
    rates = torch.exp(torch.arange(n, device=maps.device) * (-math.log(100.0) / max(n - 1, 1)))
    codes = []
    for axis in (0, 1):
        at = torch.arange(maps.shape[2 + axis], device=maps.device)[:, None] * rates  # (length, n)
        waves = torch.cat([at.sin(), at.cos()], dim=1).T  # (2 n, length)
        codes.append((waves[:, :, None] if axis == 0 else waves[:, None, :]).expand(-1, *maps.shape[2:]))
    return torch.cat(codes).to(maps.dtype)
