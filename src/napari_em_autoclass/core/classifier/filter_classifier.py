"""The warm start: k-means classes of a fixed filter bank, ready within seconds and without training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_em_autoclass.core.classifier.inside import inside, with_surroundings
from napari_em_autoclass.core.filters import FilterBank

__all__ = ["FilterClassifier"]


class FilterClassifier(nn.Module):
    """Give each pixel K-way logits from its distance to K centres in standardised filter responses.

    Parameters
    ----------
    sigmas_px : scales of the bank, working pixels
    n_classes : K
    """

    def __init__(self, sigmas_px: tuple[float, ...], n_classes: int) -> None:
        super().__init__()
        self.bank = FilterBank(sigmas_px)
        channels = self.bank.n_channels
        self.mean: Tensor
        self.scale: Tensor
        self.centres: Tensor
        self.temperature: Tensor
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("scale", torch.ones(channels))
        self.register_buffer("centres", torch.zeros(n_classes, channels))
        self.register_buffer("temperature", torch.ones(()))

    context = 0
    """Sections above and below that are seen beside the one to classify."""

    @property
    def stride(self) -> int:
        """Sides of the input must be multiples of this."""
        return 1

    @property
    def radius_px(self) -> int:
        """How far from a pixel its class looks, in pixels."""
        return self.bank.radius_px

    def responses(self, image: Tensor, margin: int = 0) -> Tensor:
        """Return standardised responses (N, C, h, w) of what lies inside a margin of sections (N, 1, H, W)."""
        seen, left = with_surroundings(image, margin, self.radius_px)
        standardised: Tensor = (inside(self.bank(seen), left) - self.mean[:, None, None]) / self.scale[:, None, None]
        return standardised

    def forward(self, image: Tensor, margin: int = 0) -> Tensor:
        """Return logits (N, K, h, w): minus half the squared distance to each centre, over the temperature."""
        return self.classify(self.responses(image, margin))

    def classify(self, features: Tensor) -> Tensor:
        """Return logits (N, K, H, W) from `responses` (N, C, H, W)."""
        scores = torch.einsum("nchw,kc->nkhw", features, self.centres)
        return (scores - 0.5 * (self.centres**2).sum(dim=1)[:, None, None]) / self.temperature
