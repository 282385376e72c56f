"""What lies inside a margin: the surroundings of a tile must be seen, but nobody wants to know what is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["inside", "with_surroundings"]


def inside(maps: Tensor, margin: int) -> Tensor:
    """Return `maps` (..., H, W) without `margin` pixels at each side, a view (..., H - 2 margin, W - 2 margin).

    Parameters
    ----------
    maps : of any kind
    margin : 0 or more, less than half a side
    """
    return maps[..., margin:-margin, margin:-margin] if margin else maps


def with_surroundings(image: Tensor, margin: int, radius: int) -> tuple[Tensor, int]:
    """Return as much of `image` (N, C, H, W) as what is inside `margin` depends on, and the margin that is left of it.

    Parameters
    ----------
    image : a tile with its surroundings
    margin : pixels at each side of which nothing is asked
    radius : how far from a pixel its value looks, in pixels
    """
    cut = max(margin - radius, 0)
    return inside(image, cut), margin - cut
