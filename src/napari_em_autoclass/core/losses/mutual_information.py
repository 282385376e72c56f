"""Mutual information between the classes of paired pixels (IIC), as two terms that differ in the pairs.

It is highest when each pixel's class can be told from its partner's *and* all classes are in use, so it holds
agreement, confidence and balance in one number.  It still permits that only a few of the K classes are used.

Source: Ji, Henriques, Vedaldi 2019, "Invariant Information Clustering", eq. 3; formula re-implemented.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from napari_em_autoclass.core.losses.base import (
    LossTerm,
    Part,
    StepBatch,
    TermOut,
    TrainState,
    absent,
    log_probs,
    masked_pixels,
)

__all__ = ["NeighbourInformation", "ViewInformation", "mutual_information_loss"]


def mutual_information_loss(a: Tensor, b: Tensor, marginal_weight: float = 1.0) -> Tensor:
    """Return minus the mutual information of paired class probabilities, in nats.

    Parameters
    ----------
    a, b : Tensor, shape (N, K), rows sum to 1
    marginal_weight : weight of the marginal entropies (lambda of the paper); 1 is exactly minus the information

    Returns
    -------
    Tensor, scalar
        ``-ln K`` for balanced, certain, equal classes; 0 when all pixels have one class or are undecided.

    Raises
    ------
    ValueError
        If the shapes differ or are not (N, K).
    """
    if a.ndim != 2 or a.shape != b.shape:
        raise ValueError(f"expected two tensors of one shape (N, K), got {tuple(a.shape)} and {tuple(b.shape)}")
    joint = a.T @ b / len(a)  # (K, K); the product over pixels, never an (N, K, K) tensor
    joint = (joint + joint.T) / 2
    # Added, not clamped: a clamp has no gradient where a class is empty.
    joint = joint + 1e-9
    joint = joint / joint.sum()
    marginal = joint.sum(dim=0)  # (K,); symmetric, so both marginals are the same
    log_expected = marginal_weight * (marginal.log()[:, None] + marginal.log()[None, :])
    return -(joint * (joint.log() - log_expected)).sum()


class NeighbourInformation(LossTerm):
    """Neighbouring sections must foretell this one: minus the information between predictor and classifier, in nats.

    Source: Ji et al. 2019 on the pair (predictor's foretelling of a section, its class map).
    """

    kind: Literal["neighbour_information"] = "neighbour_information"
    """Neighbouring sections must foretell this one."""
    marginal_weight: float = Field(1.0, ge=0.5, le=3, json_schema_extra={"step": 0.1})
    """Above 1 asks for more classes in use."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return frozenset({"logits", "predicted"})

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a scalar in [-ln K, 0] nats (below that for a marginal weight above 1); 0 without a predictor."""
        if batch.predicted_logits is None:
            return absent(batch)
        return _information(batch.predicted_logits, batch, self.marginal_weight)


class ViewInformation(LossTerm):
    """Ignore contrast and noise: minus the information between two photometric views of the same pixels, in nats.

    Source: Ji et al. 2019.
    """

    kind: Literal["view_information"] = "view_information"
    """Ignore contrast and noise."""
    marginal_weight: float = Field(1.0, ge=0.5, le=3, json_schema_extra={"step": 0.1})
    """Above 1 asks for more classes in use."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return frozenset({"logits", "view"})

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a scalar in [-ln K, 0] nats (below that for a marginal weight above 1); 0 without a second view."""
        view = batch.seen.get("view")
        if view is None:
            return absent(batch)
        return _information(view.logits, batch, self.marginal_weight)


def _information(other_logits: Tensor, batch: StepBatch, marginal_weight: float) -> TermOut:
    ours = masked_pixels(log_probs(batch.logits).exp(), batch.mask)  # (N, K)
    theirs = masked_pixels(log_probs(other_logits).exp(), batch.mask)  # (N, K)
    loss = mutual_information_loss(theirs, ours, marginal_weight)
    share = -float(loss.detach()) / math.log(ours.shape[1])
    return TermOut(loss, {"share_of_maximum": share}) if torch.isfinite(loss) else TermOut(loss)
