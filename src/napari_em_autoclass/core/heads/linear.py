"""The plain head: a class is a linear function of the embedding, and begins as the nearest-centre rule."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["LinearHead"]


class LinearHead(nn.Conv2d):
    """Give each pixel logits that are linear in its embedding.

    Parameters
    ----------
    n_embedding : E
    n_classes : K
    """

    def __init__(self, n_embedding: int, n_classes: int) -> None:
        super().__init__(n_embedding, n_classes, 1)

    @torch.no_grad()
    def set_centres(self, centres: Tensor, temperature: float) -> None:
        """Become the nearest-centre rule for `centres` (K, E): minus half the squared distance over `temperature`."""
        self.weight.copy_((centres / temperature)[:, :, None, None])
        assert self.bias is not None
        self.bias.copy_(-0.5 * (centres**2).sum(dim=1) / temperature)
