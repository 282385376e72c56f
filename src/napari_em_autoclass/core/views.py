"""Augmented views of tiles: geometry drawn once per tile, contrast drawn anew for each section.

Independent draws per section matter: real sections differ in contrast, and a shared draw would let brightness carry
a class's identity from one section to the next.  Geometry is the eight symmetries of the square, which are exact and
have exact inverses.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from napari_em_autoclass.core.settings import Settings

__all__ = ["ViewSettings", "change_contrast", "turn", "turn_back"]


class ViewSettings(Settings):
    """How strongly training views differ in contrast, noise and sharpness (in units of the normalised grey value)."""

    gain: float = Field(0.2, ge=0, le=1, json_schema_extra={"step": 0.05})
    """Contrast changes by up to this share."""
    offset: float = Field(0.2, ge=0, le=2, json_schema_extra={"step": 0.05})
    """Brightness changes by up to this many spreads."""
    gamma: float = Field(0.2, ge=0, le=1, json_schema_extra={"step": 0.05})
    """Curve of the grey values changes by up to this share."""
    noise: float = Field(0.15, ge=0, le=2, json_schema_extra={"step": 0.05})
    """Noise of up to this many spreads is added."""
    blur: float = Field(0.25, ge=0, le=1, json_schema_extra={"step": 0.05})
    """Chance that a section is made slightly less sharp."""


def turn(tiles: Tensor, symmetry: int) -> Tensor:
    """Return `tiles` (..., H, W) under one of the eight symmetries of the square (0 to 7; 0 changes nothing)."""
    turned = tiles.transpose(-1, -2) if symmetry & 4 else tiles
    return torch.rot90(turned, symmetry & 3, dims=(-2, -1))


def turn_back(tiles: Tensor, symmetry: int) -> Tensor:
    """Undo `turn`: ``turn_back(turn(t, s), s)`` is ``t``."""
    turned = torch.rot90(tiles, -(symmetry & 3), dims=(-2, -1))
    return turned.transpose(-1, -2) if symmetry & 4 else turned


def change_contrast(image: Tensor, settings: ViewSettings, generator: torch.Generator) -> Tensor:
    """Return a photometric view of `image` (N, C, H, W): each of the N x C sections has its own draw.

    Random numbers are drawn on the CPU, so that a run is the same on every device.
    """
    n, c = image.shape[:2]

    def draw(low: float, high: float) -> Tensor:
        return (torch.rand((n, c, 1, 1), generator=generator) * (high - low) + low).to(image.device)

    out = image * draw(1 - settings.gain, 1 + settings.gain) + draw(-settings.offset, settings.offset)
    # Gamma on normalised values: x + g x|x| / 4 keeps order for |x| < 2 / g and the centre where it is.
    out = out + draw(-settings.gamma, settings.gamma) * out * out.abs().clamp(max=2.0) / 4
    noise = torch.randn(image.shape, generator=generator).to(image.device)
    out = out + noise * draw(0.0, settings.noise)
    softened = torch.rand((n, c, 1, 1), generator=generator).flatten() < settings.blur
    if not softened.any():
        return out
    maps, rows = out.flatten(0, 1)[:, None], softened.nonzero()[:, 0].to(image.device)  # (N * C, 1, H, W)
    sharp = maps[rows]
    soft = avg_pool2d(pad(sharp, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return maps.index_copy(0, rows, sharp + 0.6 * (soft - sharp)).reshape(image.shape)
