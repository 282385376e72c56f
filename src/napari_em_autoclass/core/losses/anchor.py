"""Hold fine structure in place: cross-entropy against fixed cluster labels."""

from __future__ import annotations

from typing import Literal

from torch.nn.functional import nll_loss

from napari_em_autoclass.core.losses.base import (
    LossTerm,
    Part,
    StepBatch,
    TermOut,
    TrainState,
    absent,
)

__all__ = ["Anchor"]


class Anchor(LossTerm):
    """Keep to the clusters found: cross-entropy against the labels of the last clustering, in nats.

    Clusters of fixed features can't collapse, so this term pins what the others would smooth away.  0 when each pixel
    is sure of its cluster, ``ln K`` when undecided.

    Source: Caron et al. 2018 (DeepCluster), eq. 1, with the classes kept from one clustering to the next.
    """

    kind: Literal["anchor"] = "anchor"
    """Keep to the clusters found."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return frozenset({"logits", "anchor"})

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a non-negative scalar in nats; 0 before the first clustering."""
        if batch.anchor is None:
            return absent(batch)
        return TermOut(nll_loss(batch.log_p, batch.anchor.flatten()[batch.rows]))
