"""Let no two features say the same: the covariance part of VICReg."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from napari_em_autoclass.core.losses.base import LossTerm, Part, StepBatch, TermOut, TrainState, absent
from napari_em_autoclass.core.losses.pairs import ActsOn, PairSource, sample_sides, side_parts

__all__ = ["Covariance", "covariance_loss"]


def covariance_loss(values: Tensor) -> Tensor:
    """Return the squared covariances of different columns, summed over the pairs of columns and divided by D.

    Parameters
    ----------
    values : Tensor, shape (n, D), n at least 2

    Returns
    -------
    Tensor, scalar
        0 if no two columns are correlated, or all rows are the same; D - 1 if all columns are one of unit variance.
    """
    n, d = values.shape
    centred = values - values.mean(dim=0)
    covariance = centred.T @ centred / (n - 1)  # (D, D)
    # Masked, not the diagonal taken off the sum: of large equal numbers little is left.
    others = ~torch.eye(d, dtype=torch.bool, device=values.device)
    return covariance[others].square().sum() / d


class Covariance(LossTerm):
    """Let no two features say the same: their squared covariances over pixels, in the fourth power of a feature's unit.

    0 at the optimum and at collapse, so never use it alone: beside ``variance`` it keeps features from being copies.
    On probabilities, which sum to 1, it can't reach 0: balanced certain classes cost ``(K - 1) / K ** 4``.

    Source: Bardes, Ponce, LeCun 2022 (VICReg), eq. 3 and 4; sum over both sides of a pair.
    """

    samples_pixels: ClassVar[bool] = True

    kind: Literal["covariance"] = "covariance"
    """Let no two features say the same."""
    acts_on: ActsOn = "features"
    """Whether features or classes (as logits or as probabilities) must differ from each other."""
    source: PairSource | None = None
    """Look also at this other side of each pixel; empty for the section alone."""
    n_pixels: int = Field(4096, ge=2, le=65536, json_schema_extra={"step": 512})
    """How many pixels are compared at each step."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return side_parts(self.acts_on, self.source)

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a non-negative scalar; 0 if the batch lacks what the term reads."""
        sides = sample_sides(batch, self.acts_on, self.source, self.n_pixels, state)
        if not sides:
            return absent(batch)
        return TermOut(torch.stack([covariance_loss(side) for side in sides]).sum())
