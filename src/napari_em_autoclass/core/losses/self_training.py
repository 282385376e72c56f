"""Believe your own map, made a little surer or more even (DEC and DEPICT)."""

from __future__ import annotations

from typing import ClassVar, Literal

from napari_em_autoclass.core.losses.base import LossTerm, StepBatch, TermOut, TrainState
from napari_em_autoclass.core.losses.targets import Reweighting, reweighted_targets

__all__ = ["SelfTraining"]


class SelfTraining(LossTerm):
    """Believe your own map, improved: cross-entropy against the re-weighted class probabilities, in nats.

    0 when each pixel is sure of its class, ``ln K`` when all are undecided.  With one class everywhere it is 0 for
    "sure" and above 0 for "even", unless the pixels are completely sure: use a balance term beside it.

    Source: Xie et al. 2016 (DEC), eq. 2 and 3; Ghasedi Dizaji et al. 2017 (DEPICT).
    """

    has_exact_gradient: ClassVar[bool] = False

    kind: Literal["self_training"] = "self_training"
    """Believe your own map, improved."""
    targets: Reweighting = "even"
    """How the map is improved: "sure" makes pixels decide (DEC), "even" strengthens classes seldom used (DEPICT)."""

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a non-negative scalar in nats."""
        log_p = batch.log_p
        targets = reweighted_targets(log_p, self.targets)
        return TermOut(-(targets * log_p).sum(dim=1).mean())
