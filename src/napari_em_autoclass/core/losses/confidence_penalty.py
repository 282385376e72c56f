"""Do not decide too early: the entropy of a pixel's class probabilities, with the sign that keeps it up."""

from __future__ import annotations

from typing import Literal

from napari_em_autoclass.core.losses.base import LossTerm, StepBatch, TermOut, TrainState

__all__ = ["ConfidencePenalty"]


class ConfidencePenalty(LossTerm):
    """Do not decide too early: minus the mean over pixels of ``H(p)`` in nats.

    ``-ln K``, its optimum, when each pixel is undecided (never use it alone); 0 when each is sure of its class, also
    when all have the same.  It is the opposite of the term "confidence".

    Source: Pereyra et al. 2017, "Regularizing neural networks by penalizing confident output distributions".
    """

    kind: Literal["confidence_penalty"] = "confidence_penalty"
    """Do not decide too early."""

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a scalar in [-ln K, 0] nats."""
        log_p = batch.log_p
        return TermOut((log_p.exp() * log_p).sum(dim=1).mean())
