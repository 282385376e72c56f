"""A small vision transformer, trained from scratch on the stack.

Attention reaches a few patches around each patch and no further, so that a pixel's features depend on what lies within
a known distance: a section may then be classified tile by tile.  Positions are known relative to each other only, for
the same reason.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, unfold

from napari_em_autoclass.core.classifier.inside import inside

__all__ = ["ViT"]

_PATCH_PX = 8
_REACH = 2  # patches, in each layer
_HEAD = 16  # channels of a head


class ViT(nn.Module):
    """Map sections (N, 1, H, W) to features (N, D, H, W); H and W must be multiples of 8.

    Parameters
    ----------
    width : channels of a patch's token, rounded up to a multiple of 16
    depth : layers
    n_features : D

    Notes
    -----
    Source: Dosovitskiy et al. 2021, with attention to a neighbourhood (Ramachandran et al. 2019); each token is turned
    back into its 8 x 8 pixels, which see the image again.
    """

    stride = _PATCH_PX
    context = 0

    def __init__(self, width: int, depth: int, n_features: int) -> None:
        super().__init__()
        width = -(-width // _HEAD) * _HEAD
        self.patches = nn.Conv2d(1, width, _PATCH_PX, stride=_PATCH_PX)
        self.layers = nn.ModuleList(_Layer(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.pixels = nn.ConvTranspose2d(width, n_features, _PATCH_PX, stride=_PATCH_PX)
        self.last = nn.Sequential(
            nn.Conv2d(n_features + 1, n_features, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_features, momentum=0.2),
            nn.ReLU(inplace=True),
            nn.Conv2d(n_features, n_features, 1),
        )

    @property
    def radius_px(self) -> int:
        """How far from a pixel its features look, in pixels."""
        # As far as attention goes, the rest of the patch there, and the last convolution.
        return _PATCH_PX * _REACH * len(self.layers) + _PATCH_PX

    def forward(self, image: Tensor, margin: int = 0) -> Tensor:
        """Return features (N, D, H - 2 margin, W - 2 margin) of what lies inside a margin of sections (N, 1, H, W)."""
        tokens = self.patches(image).movedim(1, 3)  # (N, H/8, W/8, C)
        for layer in self.layers:
            tokens = layer(tokens)
        fine = self.pixels(self.norm(tokens).movedim(3, 1))  # (N, D, H, W)
        features: Tensor = self.last(torch.cat([fine, image.to(fine.dtype)], dim=1))
        return inside(features, margin)


class _Layer(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.n_heads = width // _HEAD
        self.norm_in, self.norm_out = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.place = nn.Parameter(torch.zeros(self.n_heads, (2 * _REACH + 1) ** 2))
        self.join = nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.join(self._attend(self.qkv(self.norm_in(tokens))))
        found: Tensor = tokens + self.narrow(gelu(self.widen(self.norm_out(tokens))))
        return found

    def _attend(self, qkv: Tensor) -> Tensor:
        n, h, w, _ = qkv.shape
        query, key, value = qkv.movedim(3, 1).chunk(3, dim=1)  # (N, C, h, w) each
        # (N, heads, channels, places, h * w): every token beside those around it.
        key, value = (_around(maps).reshape(n, self.n_heads, _HEAD, -1, h * w) for maps in (key, value))
        scores = (query.reshape(n, self.n_heads, _HEAD, 1, h * w) * key).sum(dim=2) / _HEAD**0.5
        is_outside = _around(torch.ones_like(qkv[:1, None, :, :, 0])).reshape(1, 1, -1, h * w) == 0
        shares = (scores + self.place[None, :, :, None]).masked_fill(is_outside, -torch.inf).softmax(dim=2)
        joined: Tensor = (shares[:, :, None] * value).sum(dim=3)  # (N, heads, channels, h * w)
        return joined.reshape(n, -1, h, w).movedim(1, 3)


def _around(maps: Tensor) -> Tensor:
    """Return (N, C * places, h * w): for each token, those around it, 0 outside."""
    return unfold(maps, 2 * _REACH + 1, padding=_REACH)
