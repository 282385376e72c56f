"""Foretell what the mean teacher sees in hidden blocks, as features and not as pixels: I-JEPA.

The section is cut into square tokens; a small transformer reads those that the network could see and foretells the
others, from what is around them and where they are.

Source: Assran et al. 2023, "Self-Supervised Learning from Images with a Joint-Embedding Predictive Architecture",
section 3; formula re-implemented.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import layer_norm, smooth_l1_loss

from napari_em_autoclass.core.losses.base import LossTerm, Part, Sizes, StepBatch, TermOut, TrainState, absent
from napari_em_autoclass.core.losses.images import pooled

__all__ = ["LatentBlocks", "TokenPredictor", "normalised"]

# A token is foretold if at least this share of its valid pixels was hidden.
_HIDDEN_SHARE = 0.5
_HEADS = 4


def normalised(features: Tensor) -> Tensor:
    """Return features (..., D) with mean 0 and variance 1 over D, without gradient, whatever their scale.

    Otherwise the loss could be lowered by making all features smaller.
    """
    fixed = features.detach()
    size = fixed.std(dim=-1, correction=0, keepdim=True).mean().clamp(min=1e-12)
    return layer_norm(fixed / size, fixed.shape[-1:], eps=1e-5)


class TokenPredictor(nn.Module):
    """Foretell features of hidden tokens: (B, n_features, y, x) in and out, at any size of the grid.

    Parameters
    ----------
    n_features : D
    width : of the transformer; a multiple of 4
    depth : number of its layers
    """

    def __init__(self, n_features: int, width: int, depth: int) -> None:
        super().__init__()
        self.read = nn.Linear(n_features, width)
        self.unknown = nn.Parameter(torch.zeros(width))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, _HEADS, 2 * width, 0.0, batch_first=True, norm_first=True)
            for _ in range(depth)
        )
        self.say = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, n_features))

    def forward(self, tokens: Tensor, known: Tensor) -> Tensor:
        """Return what each token shows, from those that are `known` (B, y, x) bool."""
        b, _, y, x = tokens.shape
        read = self.read(tokens.movedim(1, -1))  # (B, y, x, width)
        read = torch.where(known[..., None], read, self.unknown.to(read.dtype))
        read = read + _positions(y, x, read)
        read = read.flatten(1, 2)  # (B, y * x, width)
        for layer in self.layers:
            read = layer(read)
        return torch.as_tensor(self.say(read).reshape(b, y, x, -1).movedim(-1, 1))


def _positions(y: int, x: int, like: Tensor) -> Tensor:
    """Return sines and cosines (y, x, width) of the position along both axes, at wavelengths of 6 to 600 tokens."""
    n = like.shape[-1] // 4
    rates = 100.0 ** -(torch.arange(n, device=like.device, dtype=like.dtype) / n)
    waves = []
    for size in (y, x):
        angle = torch.arange(size, device=like.device, dtype=like.dtype)[:, None] * rates  # (size, n)
        waves.append(torch.cat([angle.sin(), angle.cos()], dim=1))  # (size, 2 n)
    return torch.cat([waves[0][:, None].expand(y, x, -1), waves[1][None].expand(y, x, -1)], dim=2)


class LatentBlocks(LossTerm):
    """Foretell what hidden blocks of the section mean from what is around them: smooth L1 difference of features.

    0 when all is foretold, about 0.4 when nothing is.  Features that are the same everywhere are foretold for nothing:
    the slow teacher makes that collapse unlikely, and a term that spreads features out forbids it.

    Source: Assran et al. 2023 (I-JEPA), section 3.
    """

    samples_pixels = True
    kind: Literal["latent_blocks"] = "latent_blocks"
    """Foretell what hidden blocks mean."""
    token: int = Field(8, ge=4, le=32)
    """Side of the squares whose mean features are foretold, in pixels."""
    width: int = Field(48, ge=8, le=384, multiple_of=4)
    """Channels of the network that foretells."""
    depth: int = Field(2, ge=1, le=12)
    """Layers of the network that foretells."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return frozenset({"masked", "teacher"})

    def network(self, sizes: Sizes) -> nn.Module:
        """Return the network that foretells tokens."""
        return TokenPredictor(sizes.n_features, self.width, self.depth)

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a scalar, 0 or more; 0 without a teacher, or if nothing was hidden."""
        if batch.hidden is None or not {"masked", "teacher"} <= set(batch.seen):
            return absent(batch)
        visible = batch.mask & ~batch.hidden
        context, shown = pooled(batch.seen["masked"].features, visible, self.token)  # (B, D, y, x), (B, y, x)
        target, valid = pooled(batch.seen["teacher"].features.detach(), batch.mask, self.token)
        foretold = (valid > 0) & (valid - shown >= _HIDDEN_SHARE * valid)
        known = (shown > 0) & ~foretold
        if not bool(foretold.any()):
            return absent(batch)
        with torch.autocast(context.device.type, enabled=False):
            made = state.networks[self.kind](context, known)
        wanted = normalised(target.movedim(1, -1)[foretold])  # (n, D)
        loss = smooth_l1_loss(made.movedim(1, -1)[foretold], wanted)
        return TermOut(loss, {"spread_of_targets": float(wanted.std(dim=0, correction=0).mean())})
