"""Which pixel of one map looks most like a given pixel of another, within a window: correspondence without training.

Source: Wang et al. 2021 (DenseCL), the arg max of the cosine similarity; restricted to a window here, and to matches
that are mutual where the caller asks for it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

__all__ = ["Matches", "best_matches", "mutual_matches"]

_WITHIN_PX = 1


class Matches(NamedTuple):
    """Places (n,) int64 in the other map, and whether each is mutual (n,) bool."""

    there: Tensor
    is_mutual: Tensor


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
    return _best(normalize(ours.float(), dim=1), normalize(theirs.float(), dim=1), places, mask, radius)


@torch.no_grad()
def mutual_matches(ours: Tensor, theirs: Tensor, places: Tensor, mask: Tensor, radius: int = 4) -> Matches:
    """Return the best matches, and which of them have a best match of their own within 1 pixel of where one began.

    The parameters are those of `best_matches`; the way back takes as long as the way there.
    """
    ours, theirs = normalize(ours.float(), dim=1), normalize(theirs.float(), dim=1)
    there = _best(ours, theirs, places, mask, radius)
    back = _best(theirs, ours, there, mask, radius)
    w = ours.shape[-1]
    # A tile further would be many rows further, so rows may be counted through all tiles.
    rows, columns = (back // w - places // w).abs(), (back % w - places % w).abs()
    return Matches(there, (rows <= _WITHIN_PX) & (columns <= _WITHIN_PX))


def _best(ours: Tensor, theirs: Tensor, places: Tensor, mask: Tensor, radius: int) -> Tensor:
    """Return the best matches of features of length 1."""
    d, h, w = ours.shape[1:]
    tile, row, column = places // (h * w), places % (h * w) // w, places % w
    # As rows in one piece: they are read 2 x 81 times.
    a = ours.movedim(1, -1).reshape(-1, d)[places]  # (n, D)
    candidates, allowed = theirs.movedim(1, -1).reshape(-1, d), mask.flatten()  # (B * h * w, D)
    best = torch.full((len(places),), -2.0, device=places.device)
    found = places.clone()
    steps = sorted(
        ((dy, dx) for dy in range(-radius, radius + 1) for dx in range(-radius, radius + 1)),
        key=lambda step: step[0] ** 2 + step[1] ** 2,  # of equals the nearest
    )
    for dy, dx in steps:
        y, x = row + dy, column + dx
        inside = (y >= 0) & (y < h) & (x >= 0) & (x < w)
        there = (tile * h + y.clamp(0, h - 1)) * w + x.clamp(0, w - 1)
        similarity = (a * candidates.index_select(0, there)).sum(dim=1)
        better = inside & allowed[there] & (similarity > best)
        best = torch.where(better, similarity, best)
        found = torch.where(better, there, found)
    return found
