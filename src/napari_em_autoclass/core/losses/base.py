"""What a loss term may see and must return.

Rules that keep terms exchangeable (``docs/explanation/method.md``): a term computes in float32 whatever the autocast
state, averages over pixels and sums over classes (so the crop size does not matter), ignores masked pixels, and states
its unit.  A term with weight 0, or outside its part of the training, is not evaluated.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from napari_em_autoclass.core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LossTerm", "StepBatch", "TermOut", "TrainState", "absent", "log_probs", "masked_pixels"]


@dataclass(frozen=True)
class StepBatch:
    """Everything the terms of one step may read.

    Letters: B tiles, K classes, T textons, N sampled pixels, h w class-map pixels.

    Parameters
    ----------
    logits : (B, K, h, w), of the middle section of each tile
    mask : (B, h, w) bool, pixels that see no padding and no damaged section
    view_logits : (B, K, h, w), of a second photometric view of the same pixels, or None
    predicted_logits : (B, K, h, w), what the predictor foretells from the neighbouring sections, or None
    anchor : (B, h, w) int64, class index 0..K-1 that holds fine structure in place, or None
    forecasts : pairs (logits (N, T), texton index (N,) int64) by name
        "own" for the section itself, "near", "far", … for the neighbours.
    """

    logits: Tensor
    mask: Tensor
    view_logits: Tensor | None = None
    predicted_logits: Tensor | None = None
    anchor: Tensor | None = None
    forecasts: Mapping[str, tuple[Tensor, Tensor]] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainState:
    """Where the training stands: step number, fraction of the budget used, smoothed class usage (K,)."""

    step: int
    fraction: float
    usage: Tensor | None = None


class TermOut(NamedTuple):
    """The unweighted value of a term (scalar float32 with gradient) and numbers worth logging."""

    loss: Tensor
    logs: dict[str, float] = {}  # noqa: RUF012  never written: NamedTuple defaults are shared


class LossTerm(Settings):
    """Base of all loss terms: settings and formula in one frozen object."""

    kind: str
    """Name of the term."""
    weight: float = Field(1.0, ge=0, le=100, json_schema_extra={"step": 0.05})
    """How much this term counts; 0 switches it off."""
    start: float = Field(0.0, ge=0, le=1, json_schema_extra={"step": 0.05})
    """Fraction of the training after which the term counts."""
    end: float = Field(1.0, ge=0, le=1, json_schema_extra={"step": 0.05})
    """Fraction of the training up to which the term counts."""

    @model_validator(mode="after")
    def _starts_before_its_end(self) -> Self:
        if self.start > self.end:
            raise ValueError(f"{self.kind} starts at {self.start} but ends at {self.end}; it would never count")
        return self

    def is_active(self, fraction: float) -> bool:
        """Return whether the term counts when `fraction` (0 to 1) of the training is done."""
        return self.weight > 0 and self.start <= fraction <= self.end

    @abstractmethod
    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return the unweighted value of the term, a scalar float32."""


def log_probs(logits: Tensor) -> Tensor:
    """Return log-softmax over axis 1 in float32 (float64 stays), shape (B, K, h, w) or (N, K)."""
    wide = logits if logits.dtype == torch.float64 else logits.float()
    return wide.log_softmax(dim=1)


def absent(batch: StepBatch) -> TermOut:
    """Return 0 with a gradient (of 0): the value of a term whose targets the batch does not have."""
    # In float32: a sum over a batch is more than float16 holds, and infinity times 0 is not 0.
    return TermOut(batch.logits.float().sum() * 0.0)


def masked_pixels(values: Tensor, mask: Tensor) -> Tensor:
    """Return the rows of `values` (B, K, h, w) at pixels where `mask` (B, h, w) holds, shape (N, K)."""
    return values.movedim(1, -1)[mask]  # (N, K)
