"""The bare prediction loss of the product's idea: it collapses alone, and is here to be compared with."""

from __future__ import annotations

from typing import Literal

from napari_em_autoclass.core.losses.base import (
    LossTerm,
    Part,
    StepBatch,
    TermOut,
    TrainState,
    absent,
    log_probs,
)

__all__ = ["Prediction"]


class Prediction(LossTerm):
    """Neighbouring sections must foretell this one: cross-entropy of the class map under the predictor, in nats.

    Both sides are trained, so alone it is won by one class everywhere (value 0): use it beside terms that forbid that.
    ``ln K`` when predictor and classifier are undecided.
    """

    kind: Literal["prediction"] = "prediction"
    """Neighbouring sections must foretell this one (bare cross-entropy)."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return frozenset({"logits", "predicted"})

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a non-negative scalar in nats; 0 without a predictor."""
        if batch.predicted_logits is None:
            return absent(batch)
        log_q = log_probs(batch.inside(batch.predicted_logits))  # (N, K)
        return TermOut(-(batch.p * log_q).sum(dim=1).mean())
