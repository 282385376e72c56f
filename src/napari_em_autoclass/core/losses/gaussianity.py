"""Spread the features like a normal distribution, seen from many directions (SIGReg of LeJEPA)."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import normalize

from napari_em_autoclass.core.losses.base import LossTerm, Part, StepBatch, TermOut, TrainState, absent
from napari_em_autoclass.core.losses.pairs import PairSource, sample_sides, side_parts

__all__ = ["Gaussianity", "gaussianity_loss"]

_N_KNOTS, _LAST_KNOT = 17, 3.0  # of the paper


def gaussianity_loss(values: Tensor, directions: Tensor) -> Tensor:
    """Return how far rows are from normal with mean 0 and variance 1 in each direction, the mean over directions.

    The statistic of Epps and Pulley divided by n: the squared distance of characteristic functions, integrated.

    Parameters
    ----------
    values : Tensor, shape (n, D)
    directions : Tensor, shape (D, M), columns of length 1

    Returns
    -------
    Tensor, scalar
        About ``1.05 / n`` for rows that are normal, 0.402 if all are 0.
    """
    knots = torch.linspace(0, _LAST_KNOT, _N_KNOTS, dtype=values.dtype, device=values.device)
    normal = (-knots.square() / 2).exp()  # the characteristic function wanted
    width = torch.full_like(knots, _LAST_KNOT / (_N_KNOTS - 1))
    width[0] = width[-1] = width[0] / 2  # trapezoids
    angles = knots[:, None, None] * (values @ directions)  # (knots, n, M)
    distance = (angles.cos().mean(dim=1) - normal[:, None]).square() + angles.sin().mean(dim=1).square()  # (knots, M)
    # Twice, for the knots below 0, where the integrand is the same.
    return (2 * width * normal) @ distance.mean(dim=1)


class Gaussianity(LossTerm):
    """Spread the features evenly: in whatever direction one looks, they must be distributed normally.

    Without unit, between 0 and 1: near 0 (``1.05 / n``) at the optimum, about 0.4 where all pixels are the same and
    average out at 0.  It stops collapse of every kind with one term, but clusters are not normally distributed: keep
    it small, let it end before the training does, and never let it act on classes.

    Source: Balestriero and LeCun 2025 (LeJEPA), SIGReg with the Epps-Pulley statistic; divided by n.
    """

    samples_pixels: ClassVar[bool] = True

    kind: Literal["gaussianity"] = "gaussianity"
    """Spread the features evenly in all directions."""
    source: PairSource | None = None
    """Look also at this other side of each pixel; empty for the section alone."""
    n_pixels: int = Field(2048, ge=2, le=8192, json_schema_extra={"step": 256})
    """How many pixels are looked at in each step."""
    n_directions: int = Field(64, ge=1, le=1024, json_schema_extra={"step": 16})
    """From how many directions they are looked at, drawn anew at each step."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return side_parts("features", self.source)

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a scalar in [0, 1], the mean over the sides; 0 if the batch lacks what the term reads."""
        sides = sample_sides(batch, "features", self.source, self.n_pixels, state)
        if not sides:
            return absent(batch)
        drawn = torch.randn((sides[0].shape[1], self.n_directions), generator=state.generator("directions"))
        directions = normalize(drawn.to(sides[0]), dim=0)  # (D, M)
        return TermOut(torch.stack([gaussianity_loss(side, directions) for side in sides]).mean())
