"""The small network that makes an image, or other numbers per pixel, of features or classes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_em_autoclass.core.losses.images import within

__all__ = ["Decoder"]


class Decoder(nn.Module):
    """Map (B, n_in, h, w) to (B, n_out, h, w); an output sees 5 x 5 inputs.

    Small on purpose: what it makes must already be in its input.  About ``width * (n_in + 9 * width + 9 * n_out)``
    multiplications a pixel.
    """

    def __init__(self, n_in: int, n_out: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(n_in, width, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, n_out, 3, padding=1),
        )

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Return (B, n_out, h, w) in float32 (float64 stays); pixels outside `mask` (B, h, w) are seen as 0."""
        # Not under autocast: terms compute in float32, and so do their networks.
        with torch.autocast(values.device.type, enabled=False):
            return torch.as_tensor(self.body(within(values, mask)))
