"""Forecast the texture of the neighbouring sections: the signal the default recipe learns from."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from napari_em_autoclass.core.losses.base import LossTerm, Part, StepBatch, TermOut, TrainState, absent, log_probs

__all__ = ["Forecast"]


class Forecast(LossTerm):
    """Foretell the textures next door: cross-entropy against the textons here and in the neighbours, in nats.

    Textons are clusters of a fixed filter bank, so nothing can collapse; what one section tells about the next is what
    has a meaning beyond the section.  0 for perfect foresight, ``ln T`` for none (T textons).
    """

    kind: Literal["forecast"] = "forecast"
    """Foretell the textures of the neighbouring sections."""
    own_weight: float = Field(0.3, ge=0, le=10, json_schema_extra={"step": 0.1})
    """How much the section's own texture counts beside its neighbours'."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return frozenset({"forecasts"})

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a scalar, 0 or more: the neighbours' mean plus `own_weight` times the own part; without targets 0."""
        values = {name: _cost(logits, target) for name, (logits, target) in batch.forecasts.items()}
        if not values:
            return absent(batch)
        own = values.pop("own", None)
        total = torch.stack(list(values.values())).mean() if values else absent(batch).loss
        loss = total if own is None else total + self.own_weight * own
        logs = {name: float(value.detach()) for name, value in values.items()}
        return TermOut(loss, logs)


def _cost(logits: Tensor, target: Tensor) -> Tensor:
    """Return the mean over the pixels whose texton is known, 0 where none is: all neighbours may be damaged.

    `target` is (N,), or (M, N) where the same logits (N, T) foretell M sections.
    """
    log_p, columns = log_probs(logits), target.reshape(-1, len(logits)).T  # (N, T), (N, M)
    known = columns >= 0
    # All sections in one go: each by itself would write a gradient of (N, T), nearly all zeros, and add it up.
    told = log_p.gather(1, columns.clamp(min=0))  # (N, M)
    return -told.masked_fill(~known, 0.0).sum() / known.sum().clamp(min=1)
