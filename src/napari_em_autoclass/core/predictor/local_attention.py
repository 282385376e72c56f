"""A predictor that looks for each pixel's place in the neighbours, so that shifted sections are copied where they lie.

Per pixel and neighbour it chooses between the places around, by a softmax over displacements; what it copies from there
is then translated from class to class.  Nothing but the choice and the translation is learned.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate, pad

__all__ = ["LocalAttentionPredictor"]

_LEAST = 1e-4
_KEY = 16  # channels of queries and keys; each is multiplied with those of every place


class LocalAttentionPredictor(nn.Module):
    """Foretell class logits (B, K, h, w) from the neighbours' class probabilities (B, S - 1, K, h, w).

    It works at half resolution.  The query of a pixel is made of all neighbours there, the key of a place of the one
    neighbour that it lies in; it starts as the mean over neighbours and places.

    Parameters
    ----------
    n_classes : K
    n_neighbours : S - 1
    width : channels inside
    window_px : side of the square of places, in pairs of pixels; odd

    Notes
    -----
    Source: Ramachandran et al. 2019 (stand-alone self-attention), applied across sections; Misalignment (4) of TCC's
    and DenseCL's soft matching, trained by prediction.
    """

    def __init__(self, n_classes: int, n_neighbours: int, width: int, window_px: int) -> None:
        super().__init__()
        self.window_px = window_px
        self.query = nn.Sequential(
            nn.Conv2d(n_neighbours * n_classes, width, 1), nn.ReLU(inplace=True), nn.Conv2d(width, _KEY, 3, padding=1)
        )
        self.key = nn.Conv2d(n_classes, _KEY, 3, padding=1)
        # Log-odds of each neighbour and place before anything is seen.
        self.place = nn.Parameter(torch.zeros(n_neighbours, window_px**2))
        self.translate = nn.Parameter(torch.eye(n_classes))
        self.bias = nn.Parameter(torch.zeros(n_classes))
        nn.init.zeros_(self.query[2].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.query[2].bias)  # type: ignore[arg-type]

    def forward(self, neighbours: Tensor) -> Tensor:
        """Return logits (B, K, h, w); h and w must be even."""
        b, s, k, h, w = neighbours.shape
        half = avg_pool2d(neighbours.flatten(0, 1), 2).reshape(b, s, k, h // 2, w // 2)
        copied = self.copied(half)  # (B, K, h/2, w/2)
        logits = conv2d(copied.clamp(min=_LEAST).log(), self.translate[:, :, None, None], self.bias)
        return interpolate(logits, size=(h, w), mode="bilinear", align_corners=False)

    def copied(self, maps: Tensor) -> Tensor:
        """Return the probabilities (B, K, h, w) found in `maps` (B, S - 1, K, h, w) at the places chosen."""
        b, s = maps.shape[:2]
        query = self.query(maps.flatten(1, 2))[:, None]  # (B, 1, C, h, w)
        keys = self.key(maps.flatten(0, 1)).unflatten(0, (b, s))  # (B, S-1, C, h, w)
        scores = [(query * shifted).sum(dim=2) for shifted in _shifts(keys, self.window_px)]  # of (B, S-1, h, w)
        odds = torch.stack(scores, dim=2) / _KEY**0.5 + self.place[None, :, :, None, None]
        shares = odds.flatten(1, 2).softmax(dim=1).unflatten(1, odds.shape[1:3])  # (B, S-1, places, h, w)
        found = torch.zeros_like(maps[:, 0])
        # Place by place: all at once would hold every map 9 or 25 times.
        for index, shifted in enumerate(_shifts(maps, self.window_px)):
            found = found + (shares[:, :, index, None] * shifted).sum(dim=1)
        return found


def _shifts(maps: Tensor, window: int) -> list[Tensor]:
    """Return `maps` (B, S, C, h, w) displaced to each place of the window, row by row; edges are repeated."""
    reach = window // 2
    h, w = maps.shape[-2:]
    wide = pad(maps.flatten(0, 1), (reach,) * 4, mode="replicate")
    wide = wide.reshape(*maps.shape[:-2], *wide.shape[-2:])
    return [wide[..., y : y + h, x : x + w] for y in range(window) for x in range(window)]
