"""Keep every feature, or every class, in use: the variance part of VICReg."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from napari_em_autoclass.core.losses.base import LossTerm, Part, StepBatch, TermOut, TrainState, absent
from napari_em_autoclass.core.losses.pairs import ActsOn, PairSource, sample_sides, side_parts

__all__ = ["Variance", "variance_loss"]

_IN_THE_ROOT = 1e-4  # of the paper: a finite gradient where all pixels are the same


def variance_loss(values: Tensor, wanted: float = 1.0) -> Tensor:
    """Return how much the standard deviations fall short of `wanted`, the mean over the columns.

    Parameters
    ----------
    values : Tensor, shape (n, D), n at least 2
    wanted : standard deviation from which a column costs nothing, in the unit of the values

    Returns
    -------
    Tensor, scalar
        0 if all columns spread enough; ``wanted - 0.01`` if all rows are the same.
    """
    deviation = (values.var(dim=0) + _IN_THE_ROOT).sqrt()  # (D,)
    return (wanted - deviation).clamp(min=0.0).mean()


class Variance(LossTerm):
    """Keep every feature, or class, in use: how much its standard deviation over pixels falls short of what is wanted.

    0 at the optimum; at collapse the wanted deviation less 0.01.  A class that is certain and as frequent as the K - 1
    others deviates by ``sqrt(K - 1) / K`` only, so on probabilities 1 is impossible: there the wanted deviation is
    counted in 0.7 of that.

    Source: Bardes, Ponce, LeCun 2022 (VICReg), eq. 1 and 2; mean over both sides of a pair.
    """

    samples_pixels: ClassVar[bool] = True

    kind: Literal["variance"] = "variance"
    """Keep every feature in use."""
    acts_on: ActsOn = "features"
    """Whether features or classes (as logits or as probabilities) must vary."""
    source: PairSource | None = None
    """Look also at this other side of each pixel; empty for the section alone."""
    n_pixels: int = Field(4096, ge=2, le=65536, json_schema_extra={"step": 512})
    """How many pixels are compared at each step."""
    wanted: float = Field(1.0, gt=0, le=5, json_schema_extra={"step": 0.1})
    """Standard deviation from which a feature counts as in use."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return side_parts(self.acts_on, self.source)

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a scalar in [0, wanted]; 0 if the batch lacks what the term reads."""
        sides = sample_sides(batch, self.acts_on, self.source, self.n_pixels, state)
        if not sides:
            return absent(batch)
        wanted = self.wanted
        if self.acts_on == "probabilities":
            n_classes = sides[0].shape[1]
            wanted *= 0.7 * math.sqrt(n_classes - 1) / n_classes
        return TermOut(torch.stack([variance_loss(side, wanted) for side in sides]).mean())
