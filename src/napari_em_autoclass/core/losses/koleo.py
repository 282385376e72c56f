"""Keep the features of different places apart: each as far as can be from the one next to it (KoLeo of DINOv2)."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import normalize

from napari_em_autoclass.core.losses.base import LossTerm, Part, StepBatch, TermOut, TrainState, absent
from napari_em_autoclass.core.losses.pairs import draw_pixels, rows_at

__all__ = ["Koleo", "koleo_loss"]

_NEAREST = 1e-3  # pixels are near-duplicates, and the gradient goes with 1 / distance
_SHORTEST = 1e-4  # features shorter than this have no direction


def koleo_loss(values: Tensor) -> Tensor:
    """Return minus the mean log distance of each row to the row nearest to it, all rows made length 1, in nats.

    Parameters
    ----------
    values : Tensor, shape (n, D), n at least 2

    Returns
    -------
    Tensor, scalar
        Between -ln 2 (two opposite rows) and 6.91 (``-ln 0.001``, all rows the same); -0.347 for an orthogonal set.
    """
    rows = normalize(values, dim=1, eps=_SHORTEST)
    with torch.no_grad():
        similarity = rows @ rows.T  # (n, n)
        nearest = similarity.fill_diagonal_(-2.0).argmax(dim=1)  # (n,)
    # From the difference, as 2 - 2 cos has no digits left for neighbours; squared, as the root has no gradient at 0.
    squared = (rows - rows[nearest]).square().sum(dim=1)  # (n,)
    return -squared.clamp(min=_NEAREST**2).log().mean() / 2


class Koleo(LossTerm):
    """Keep places apart that lie apart: each place's features as far as can be from those most like them, in nats.

    The more spread, the lower: -0.35 if all are at right angles, 6.91 if all are the same.

    Source: Sablayrolles et al. 2019, "Spreading vectors for similarity search"; as in DINOv2.
    """

    samples_pixels: ClassVar[bool] = True

    kind: Literal["koleo"] = "koleo"
    """Keep the features of different places apart."""
    n_pixels: int = Field(1024, ge=2, le=1024, json_schema_extra={"step": 128})
    """How many places are compared at each step, at most."""
    apart_px: int = Field(16, ge=1, le=64, json_schema_extra={"unit": "px"})
    """How far the places lie apart at least, since pixels side by side may well be alike."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads beside the features: nothing."""
        return frozenset()

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a scalar in [-ln 2, 6.91] nats; 0 with fewer than two places."""
        if batch.features is None:
            return absent(batch)
        generator = state.generator(self.kind)
        places = draw_pixels(_on_lattice(batch.mask, self.apart_px, generator), self.n_pixels, generator)
        if len(places) < 2:
            return absent(batch)
        features = rows_at(batch.features, places)
        return TermOut(koleo_loss(features if features.dtype == torch.float64 else features.float()))


def _on_lattice(mask: Tensor, apart: int, generator: torch.Generator) -> Tensor:
    """Return where of `mask` (B, h, w) a square lattice lies that begins at random."""
    h, w = mask.shape[1:]
    y, x = (int(torch.randint(min(apart, side), (), generator=generator)) for side in (h, w))
    lattice = torch.zeros_like(mask)
    lattice[:, y::apart, x::apart] = True
    return lattice & mask
