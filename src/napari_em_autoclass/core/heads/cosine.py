"""Prototypes compared by direction: how strongly a pixel shows something no longer decides what it is."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, normalize

__all__ = ["CosineHead", "cosines"]


def cosines(embedding: Tensor, directions: Tensor) -> Tensor:
    """Return cosines (N, K, h, w) of pixels (N, E, h, w), 0 for zeros, and unit `directions` (K, E) or (N, K, E)."""
    # What is divided by the length are the few products, not the many numbers of the embedding.
    length = (embedding * embedding).sum(dim=1, keepdim=True).clamp(min=1e-24).sqrt()
    if directions.ndim == 2:
        return conv2d(embedding, directions[:, :, None, None]) / length
    return torch.einsum("nehw,nke->nkhw", embedding, directions) / length


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
        return cosines(embedding, normalize(self.weight, dim=1)) / self.temperature

    @torch.no_grad()
    def set_centres(self, centres: Tensor, temperature: float) -> None:
        """Take the directions of `centres` (K, E) as prototypes; the head keeps its own temperature."""
        # Their length changes no logit, but how fast a step turns them: at length 1 twenty times as fast as the linear
        # head's weights, at this length about as fast.
        self.weight.copy_(normalize(centres, dim=1) / self.temperature)
