"""The loss terms, one file each, and their weighted sum.

A new term is one file here, one test file, and one line among the imports below; form, JSON, log and curves follow.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeAlias

import torch
from pydantic import Field

from napari_em_autoclass.core.losses import (
    anchor,
    balance,
    cluster_targets,
    confidence,
    confidence_penalty,
    contrast,
    correspondence,
    covariance,
    cross_correlation,
    cycle,
    denoising,
    dense_assignment,
    forecast,
    gaussianity,
    invariance,
    koleo,
    latent_blocks,
    latent_section,
    mutual_information,
    neural_cut,
    prediction,
    reconstruction,
    section_statistics,
    self_distillation,
    self_training,
    soft_cut,
    swapped_assignment,
    variance,
)
from napari_em_autoclass.core.losses.base import LossTerm, Part, Seen, Sizes, StepBatch, TermOut, TrainState, absent

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "TERMS",
    "AnyLossTerm",
    "LossTerm",
    "ObjectiveOut",
    "Part",
    "Seen",
    "Sizes",
    "StepBatch",
    "TermOut",
    "TrainState",
    "objective",
]


def _all_terms(base: type[LossTerm]) -> list[type[LossTerm]]:
    """Return the subclasses that are terms themselves, in the order of their kinds."""
    found = [term for child in base.__subclasses__() for term in (child, *_all_terms(child))]
    terms = {term for term in found if not term.model_fields["kind"].is_required()}
    return sorted(terms, key=lambda term: str(term.model_fields["kind"].default))


TERMS = tuple(_all_terms(LossTerm))  # type: ignore[type-abstract]
"""Every loss term there is."""

if TYPE_CHECKING:
    AnyLossTerm: TypeAlias = LossTerm
else:
    AnyLossTerm = Annotated[reduce(or_, TERMS), Field(discriminator="kind")]


class ObjectiveOut(NamedTuple):
    """The weighted sum (scalar with gradient) and the unweighted value of each active term by kind."""

    total: Tensor
    parts: dict[str, float]


def objective(terms: tuple[LossTerm, ...], batch: StepBatch, state: TrainState) -> ObjectiveOut:
    """Return the weighted sum of the active `terms` on one batch, and what each contributed before weighting."""
    losses: dict[str, Tensor] = {}
    weighted: list[Tensor] = []
    for term in terms:
        if term.is_active(state.fraction):
            losses[term.kind] = term(batch, state).loss
            weighted.append(term.weight * losses[term.kind])
    # Not begun with a 0 that depends on the logits: its gradient, all zeros, would pass through the whole network.
    total = sum(weighted[1:], weighted[0]) if weighted else absent(batch).loss
    # Brought to the processor together: each by itself would make a graphics card wait.
    values = torch.stack([loss.detach().float() for loss in losses.values()]).tolist() if losses else []
    return ObjectiveOut(total, dict(zip(losses, values, strict=True)))
