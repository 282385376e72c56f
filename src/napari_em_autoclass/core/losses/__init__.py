"""The loss terms, one file each, and their weighted sum.

A new term is one file here, its name in `AnyLossTerm`, and one test file; form, JSON, log and curves follow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import Field

from napari_em_autoclass.core.losses.anchor import Anchor
from napari_em_autoclass.core.losses.balance import Balance
from napari_em_autoclass.core.losses.base import LossTerm, StepBatch, TermOut, TrainState, absent
from napari_em_autoclass.core.losses.confidence import Confidence
from napari_em_autoclass.core.losses.forecast import Forecast
from napari_em_autoclass.core.losses.mutual_information import NeighbourInformation, ViewInformation
from napari_em_autoclass.core.losses.prediction import Prediction

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["AnyLossTerm", "LossTerm", "ObjectiveOut", "StepBatch", "TermOut", "TrainState", "objective"]

AnyLossTerm = Annotated[
    Forecast | Anchor | NeighbourInformation | ViewInformation | Balance | Confidence | Prediction,
    Field(discriminator="kind"),
]


class ObjectiveOut(NamedTuple):
    """The weighted sum (scalar with gradient) and the unweighted value of each active term by kind."""

    total: Tensor
    parts: dict[str, float]


def objective(terms: tuple[LossTerm, ...], batch: StepBatch, state: TrainState) -> ObjectiveOut:
    """Return the weighted sum of the active `terms` on one batch, and what each contributed before weighting."""
    total = absent(batch).loss
    parts: dict[str, float] = {}
    for term in terms:
        if term.is_active(state.fraction):
            out = term(batch, state)
            total = total + term.weight * out.loss
            parts[term.kind] = float(out.loss.detach())
    return ObjectiveOut(total, parts)
