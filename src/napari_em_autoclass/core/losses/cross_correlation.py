"""Each feature agrees with itself on the other side of a pair, and with no other feature (Barlow Twins)."""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from napari_em_autoclass.core.losses.base import LossTerm, Part, StepBatch, TermOut, TrainState, absent
from napari_em_autoclass.core.losses.pairs import ActsOn, PairSource, sample_sides, side_parts

__all__ = ["CorrelationLoss", "CrossCorrelation", "correlation_loss", "cross_correlation"]

_EPS = 1e-5  # of batch norm, which the original standardises with


class CorrelationLoss(NamedTuple):
    """Means over the diagonal of ``(1 - C) ** 2`` and over the rest of ``C ** 2``, scalars."""

    diagonal: Tensor
    others: Tensor


def cross_correlation(a: Tensor, b: Tensor) -> Tensor:
    """Return the correlations (D, D) of the columns of `a` (n, D) with those of `b` (n, D); 0 for a constant column."""
    return _standardised(a).T @ _standardised(b) / len(a)


def correlation_loss(correlation: Tensor) -> CorrelationLoss:
    """Return how far correlations (D, D) are from the identity; both 0 there, (1, 0) if all columns are constant."""
    itself = torch.eye(len(correlation), dtype=torch.bool, device=correlation.device)
    others = correlation[~itself].square()
    return CorrelationLoss((1 - correlation[itself]).square().mean(), others.sum() / max(others.numel(), 1))


class CrossCorrelation(LossTerm):
    """Let each feature agree with itself in another view of the same pixels, and with no other feature.

    Without unit: the published sum divided by the number of features D, so that it doesn't grow with it.  0 at the
    optimum, 1 where all pixels are the same.  It looks at standardised features, so one that marks a rare structure
    counts as much as any.  On probabilities, which sum to 1, certain balanced classes cost ``redundancy / (K - 1)``.

    Source: Zbontar et al. 2021 (Barlow Twins), eq. 1 and 2.
    """

    samples_pixels: ClassVar[bool] = True

    kind: Literal["cross_correlation"] = "cross_correlation"
    """Let each feature agree with itself and with no other."""
    acts_on: ActsOn = "features"
    """Whether features or classes (as logits or as probabilities) are compared."""
    source: PairSource = "view"
    """The other side of a pixel: another contrast, a turned image, the next section, or what looks alike there."""
    n_pixels: int = Field(4096, ge=2, le=65536, json_schema_extra={"step": 512})
    """How many pixels are compared at each step."""
    redundancy: float = Field(0.0051, ge=0, le=1, json_schema_extra={"step": 0.001})
    """How much a correlation of two different features counts against one that a feature lacks with itself."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return side_parts(self.acts_on, self.source)

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a non-negative scalar; 0 if the batch lacks what the term reads."""
        sides = sample_sides(batch, self.acts_on, self.source, self.n_pixels, state)
        if not sides:
            return absent(batch)
        correlation = cross_correlation(*sides)
        loss = correlation_loss(correlation)
        # The published weight is of the sum over the D (D - 1) others; divided by D, D - 1 means of them are left.
        return TermOut(loss.diagonal + self.redundancy * (len(correlation) - 1) * loss.others)


def _standardised(values: Tensor) -> Tensor:
    centred = values - values.mean(dim=0)
    return centred * (centred.square().mean(dim=0) + _EPS).rsqrt()
