"""Decide clearly: the mean entropy of a pixel's class probabilities."""

from __future__ import annotations

from typing import Literal

from napari_em_autoclass.core.losses.base import LossTerm, StepBatch, TermOut, TrainState

__all__ = ["Confidence"]


class Confidence(LossTerm):
    """Decide clearly: mean over pixels of ``H(p)`` in nats.

    0 when each pixel is sure of its class (also when all have the same: never use it alone), ``ln K`` when undecided.

    Source: Grandvalet and Bengio 2005, "Semi-supervised learning by entropy minimization", eq. 5.
    """

    kind: Literal["confidence"] = "confidence"
    """Decide clearly."""

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a scalar in [0, ln K] nats."""
        return TermOut(-(batch.p * batch.log_p).sum(dim=1).mean())
