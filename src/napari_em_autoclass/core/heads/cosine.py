"""Prototypes compared by direction: how strongly a pixel shows something no longer decides what it is."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, normalize

__all__ = ["CosineHead"]


class CosineHead(nn.Module):
    """Give each pixel the cosine between its embedding and each class's prototype, over a temperature.

    Logits lie within ``±1 / temperature``, so nothing overflows and Sinkhorn's smoothing has a fixed meaning.

    Parameters
    ----------
    n_embedding : E
    n_classes : K
    temperature : tau

    Notes
    -----
    Source: Caron et al. 2020 (SwAV) and 2021 (DINO), both with a temperature of 0.1.
    """

    def __init__(self, n_embedding: int, n_classes: int, temperature: float = 0.1) -> None:
        super().__init__()
        self.in_channels, self.out_channels = n_embedding, n_classes
        self.temperature = temperature
        self.weight = nn.Parameter(normalize(torch.randn(n_classes, n_embedding), dim=1) / temperature)

    def forward(self, embedding: Tensor) -> Tensor:
        """Return logits (N, K, h, w) of an embedding (N, E, h, w)."""
        prototypes = normalize(self.weight, dim=1)[:, :, None, None]
        return conv2d(normalize(embedding, dim=1), prototypes) / self.temperature

    @torch.no_grad()
    def set_centres(self, centres: Tensor, temperature: float) -> None:
        """Take the directions of `centres` (K, E) as prototypes; the head keeps its own temperature."""
        # Their length changes no logit, but how fast a step turns them: at length 1 twenty times as fast as the linear
        # head's weights, at this length about as fast.
        self.weight.copy_(normalize(centres, dim=1) / self.temperature)
