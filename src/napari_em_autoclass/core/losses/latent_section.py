"""Foretell what the mean teacher sees in a section from the section above or below, as features: V-JEPA along z.

The whole section is the hidden block, so nothing of it can be copied; what its neighbour tells about it is what goes on
along z.  Where sections lie close together the neighbour is nearly the same, and the term teaches little.

Source: Bardes et al. 2024, "Revisiting Feature Prediction for Learning Visual Representations from Video" (V-JEPA),
section 3; formula re-implemented.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from napari_em_autoclass.core.losses.base import LossTerm, Part, Sizes, StepBatch, TermOut, TrainState, absent
from napari_em_autoclass.core.losses.images import pooled
from napari_em_autoclass.core.losses.latent_blocks import normalised

__all__ = ["LatentSection", "SectionPredictor"]


class SectionPredictor(nn.Module):
    """Foretell features (B, D, y, x) from those of another section; an output sees 9 x 9 inputs.

    Two depthwise 5 x 5 convolutions, as in the predictor of classes: more than the shift between registered sections.
    """

    def __init__(self, n_features: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(n_features, width, 1), _Around(width), _Around(width), nn.Conv2d(width, n_features, 1)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same shape."""
        return torch.as_tensor(self.body(features))


class _Around(nn.Module):
    """A depthwise convolution, a mix of channels, and the input added: untrained it is close to copying."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 5, padding=2, groups=width), nn.ReLU(inplace=True), nn.Conv2d(width, width, 1)
        )

    def forward(self, values: Tensor) -> Tensor:
        return torch.as_tensor(values + self.body(values))


class LatentSection(LossTerm):
    """Foretell what the section means from the one above or below: mean difference of features (L1).

    0 when all is foretold, about 0.8 when nothing is.  Features that are the same everywhere are foretold for nothing:
    the slow teacher makes that collapse unlikely, and a term that spreads features out forbids it.

    Source: Bardes et al. 2024 (V-JEPA), section 3.
    """

    samples_pixels = True
    kind: Literal["latent_section"] = "latent_section"
    """Foretell what the section means from its neighbour."""
    token: int = Field(4, ge=1, le=16)
    """Side of the squares whose mean features are foretold, in pixels."""
    width: int = Field(32, ge=4, le=256)
    """Channels of the network that foretells."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return frozenset({"neighbour", "teacher"})

    def network(self, sizes: Sizes) -> nn.Module:
        """Return the network that foretells sections."""
        return SectionPredictor(sizes.n_features, self.width)

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a scalar, 0 or more; 0 without a teacher or a neighbour."""
        if not {"neighbour", "teacher"} <= set(batch.seen):
            return absent(batch)
        beside, _ = pooled(batch.seen["neighbour"].features, batch.mask, self.token)  # (B, D, y, x)
        target, valid = pooled(batch.seen["teacher"].features.detach(), batch.mask, self.token)
        where = valid > 0
        if not bool(where.any()):
            return absent(batch)
        with torch.autocast(beside.device.type, enabled=False):
            made = state.networks[self.kind](beside).movedim(1, -1)[where]  # (n, D)
        wanted = normalised(target.movedim(1, -1)[where])  # (n, D)
        loss = (made - wanted).abs().mean()
        return TermOut(loss, {"spread_of_targets": float(wanted.std(dim=0, correction=0).mean())})
