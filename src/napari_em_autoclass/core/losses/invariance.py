"""Features alike on both sides of a pair of pixels: the invariance part of VICReg, and LeJEPA's agreement of views."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field
from torch.nn.functional import l1_loss, mse_loss, smooth_l1_loss

from napari_em_autoclass.core.losses.base import LossTerm, Part, StepBatch, TermOut, TrainState, absent
from napari_em_autoclass.core.losses.pairs import PairSource, sample_sides, side_parts

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Distance", "Invariance", "invariance_loss"]

Distance = Literal["mse", "smooth_l1", "l1"]
"""How a difference counts: by its square, by its square up to 1 and by its size beyond, or by its size."""


def invariance_loss(a: Tensor, b: Tensor, distance: Distance = "mse") -> Tensor:
    """Return the mean distance of paired rows.

    Parameters
    ----------
    a, b : Tensor, shape (n, D)
    distance : the smooth one is half the square up to a difference of 1

    Returns
    -------
    Tensor, scalar
        Mean over rows and columns: 0 if the sides are equal.
    """
    losses = {"mse": mse_loss, "smooth_l1": smooth_l1_loss, "l1": l1_loss}
    return losses[distance](a, b)


class Invariance(LossTerm):
    """Give both sides of a pair of pixels the same features: their mean squared (or other) difference.

    0 at the optimum and at collapse, so never use it alone: beside it something must keep features apart (``variance``,
    ``gaussianity``).  2 for standardised features that have nothing to do with each other.

    Source: Bardes, Ponce, LeCun 2022 (VICReg), eq. 5; Balestriero and LeCun 2025 (LeJEPA), its prediction loss.
    """

    samples_pixels: ClassVar[bool] = True

    kind: Literal["invariance"] = "invariance"
    """Give the same features to both views of a pixel."""
    source: PairSource = "view"
    """The other side of a pixel: another contrast, a turned image, the next section, or what looks alike there."""
    distance: Distance = "mse"
    """How a difference counts: its square, its size, or (smooth) its square while it is small."""
    n_pixels: int = Field(4096, ge=1, le=65536, json_schema_extra={"step": 512})
    """How many pixels are compared at each step."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return side_parts("features", self.source)

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a non-negative scalar; 0 if the batch lacks what the term reads."""
        sides = sample_sides(batch, "features", self.source, self.n_pixels, state)
        return TermOut(invariance_loss(sides[0], sides[1], self.distance)) if sides else absent(batch)
