"""No network at all: what the fixed filters say, mixed linearly.  The baseline that a network has to beat."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_em_autoclass.core.classifier.inside import inside, with_surroundings
from napari_em_autoclass.core.filters import FilterBank

__all__ = ["FilterBackbone"]


class FilterBackbone(nn.Module):
    """Map sections (N, 1, H, W) to features (N, D, H, W) that are linear in the filters' responses.

    Parameters
    ----------
    sigmas_px : scales of the filters, working pixels; 1, 2, 4 and 8 if there are none
    n_features : D
    """

    stride = 1
    context = 0

    def __init__(self, sigmas_px: tuple[float, ...], n_features: int) -> None:
        super().__init__()
        self.bank = FilterBank(sigmas_px or (1.0, 2.0, 4.0, 8.0))
        # Responses of different scales differ in size by orders of magnitude.
        self.norm = nn.BatchNorm2d(self.bank.n_channels, momentum=0.2, affine=False)
        self.mix = nn.Conv2d(self.bank.n_channels, n_features, 1)

    @property
    def radius_px(self) -> int:
        """How far from a pixel its features look, in pixels."""
        return self.bank.radius_px

    def forward(self, image: Tensor, margin: int = 0) -> Tensor:
        """Return features (N, D, H - 2 margin, W - 2 margin) of what lies inside a margin of sections (N, 1, H, W)."""
        seen, left = with_surroundings(image, margin, self.radius_px)
        with torch.no_grad():
            responses = self.norm(inside(self.bank(seen), left))
        features: Tensor = self.mix(responses)
        return features
