"""Windows at the same places of two maps of features, in which pixels are looked for."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from napari_em_autoclass.core.losses.pairs import draw_pixels

__all__ = ["Windows", "cut_windows"]


class Windows(NamedTuple):
    """P windows of T pixels each, in reading order.

    Parameters
    ----------
    own, other : (P, T, D) features, float32 (float64 stays)
    valid : (P, T) bool, which pixels may be looked for; at least one of each window
    asked : (Q,) int64, index into T of the pixels that look: the middle, which lets them find what has moved
    positions : (T, 2) y and x, in sides of a window
    """

    own: Tensor
    other: Tensor
    valid: Tensor
    asked: Tensor
    positions: Tensor


def cut_windows(
    maps: tuple[Tensor, Tensor], mask: Tensor, n: int, size: int, generator: torch.Generator
) -> Windows | None:
    """Return at most `n` windows around pixels drawn from within the mask; None if no pixel in one may look.

    Parameters
    ----------
    maps : (B, D, h, w) features twice
    mask : (B, h, w) bool
    size : side of a window, pixels; a smaller map is one window
    """
    h, w = mask.shape[1:]
    tall, wide = min(size, h), min(size, w)
    places = draw_pixels(mask, n, generator)
    tile, row, column = places // (h * w), places % (h * w) // w, places % w
    y = (row - tall // 2).clamp(0, h - tall)[:, None] + torch.arange(tall, device=mask.device)  # (P, tall)
    x = (column - wide // 2).clamp(0, w - wide)[:, None] + torch.arange(wide, device=mask.device)  # (P, wide)
    at = tile[:, None, None], y[:, :, None], x[:, None, :]
    own, other = (values[at[0], :, at[1], at[2]].flatten(1, 2) for values in maps)  # (P, T, D)
    valid = mask[at].flatten(1)  # (P, T)
    asked = _middle(tall, wide).to(mask.device)
    if not valid[:, asked].any():
        return None
    if own.dtype != torch.float64:
        own, other = own.float(), other.float()
    grid = torch.cartesian_prod(torch.arange(tall), torch.arange(wide))  # (T, 2)
    return Windows(own, other, valid, asked, grid.to(own) / size)


def _middle(tall: int, wide: int) -> Tensor:
    """Return the index of the pixels of the middle half along each axis."""
    index = torch.arange(tall * wide).reshape(tall, wide)
    return index[tall // 4 : tall - tall // 4, wide // 4 : wide - wide // 4].flatten()
