"""Keep the classes in use (the balance term of DEPICT, as a hinge)."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from napari_em_autoclass.core.losses.base import LossTerm, StepBatch, TermOut, TrainState
from napari_em_autoclass.core.losses.sinkhorn import prior_from_usage

__all__ = ["Balance"]


class Balance(LossTerm):
    """Use all the classes: ``max(0, ln(c K) - H(m))`` in nats, where ``m`` is the mean class probability.

    With ``c`` = 1 this is the divergence of the class usage from equal use; with ``c`` < 1 it only acts when too few
    classes are in use, so that rare structures may stay rare.  0 at the optimum, ``ln(c K)`` when one class holds all.
    With a prior exponent above 0 it is the divergence from a prior instead, plus ``ln c``: class sizes are then drawn
    towards each other, not all the way to equal ones.

    Source: Ghasedi Dizaji et al. 2017 (DEPICT), the balance part of eq. 4.
    """

    kind: Literal["balance"] = "balance"
    """Use all the classes."""
    min_used: float = Field(0.5, gt=0, le=1, json_schema_extra={"step": 0.05})
    """Share of the classes that must stay in use before this term acts."""
    prior_exponent: float = Field(0.0, ge=0, le=1, json_schema_extra={"step": 0.05})
    """Which class sizes are wanted: 0 equal ones, 1 those of the last steps, between them a compromise."""

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a non-negative scalar in nats, at most ln K with equal use as the aim."""
        # Over the batch, not the tile: a tile without mitochondria must not be forced to show some.
        # Added, because x ln x has no gradient at 0, and a class that no pixel is near has a probability of exactly 0.
        usage = batch.p.mean(dim=0) + 1e-9  # (K,)
        if self.prior_exponent > 0:
            recent = usage if state.usage is None else state.usage.to(usage)
            prior = prior_from_usage(recent, self.prior_exponent)
            return TermOut(((usage * (usage / prior).log()).sum() + math.log(self.min_used)).clamp(min=0.0))
        entropy = -(usage * usage.log()).sum()
        wanted = max(math.log(self.min_used * len(usage)), 0.0)
        return TermOut((wanted - entropy).clamp(min=0.0))
