"""Which pixel of one map looks most like a given pixel of another, within a window: correspondence without training.

Source: Wang et al. 2021 (DenseCL), the arg max of the cosine similarity; restricted to a window here.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

__all__ = ["best_matches"]


@torch.no_grad()
def best_matches(ours: Tensor, theirs: Tensor, places: Tensor, mask: Tensor, radius: int = 4) -> Tensor:
    """Return for each place (n,) in `ours` the place (n,) in `theirs` with the most similar features.

    Parameters
    ----------
    ours, theirs : (B, D, h, w) features
    places : (n,) int64, into the flattened B x h x w
    mask : (B, h, w) bool; only pixels where it holds are candidates
    radius : how far a match may lie, pixels, along each axis
    """
    h, w = ours.shape[-2:]
    ours, theirs = normalize(ours.float(), dim=1), normalize(theirs.float(), dim=1)
    tile, row, column = places // (h * w), places % (h * w) // w, places % w
    a = ours[tile, :, row, column]  # (n, D)
    best = torch.full((len(places),), -2.0, device=places.device)
    found = places.clone()
    steps = sorted(
        ((dy, dx) for dy in range(-radius, radius + 1) for dx in range(-radius, radius + 1)),
        key=lambda step: step[0] ** 2 + step[1] ** 2,  # of equals the nearest
    )
    for dy, dx in steps:
        y, x = row + dy, column + dx
        inside = (y >= 0) & (y < h) & (x >= 0) & (x < w)
        y, x = y.clamp(0, h - 1), x.clamp(0, w - 1)
        similarity = (a * theirs[tile, :, y, x]).sum(dim=1)
        better = inside & mask[tile, y, x] & (similarity > best)
        best = torch.where(better, similarity, best)
        found = torch.where(better, (tile * h + y) * w + x, found)
    return found
