"""Know each place again among all others: contrastive learning of pixels (SimCLR, and DenseCL with matched pairs)."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import normalize

from napari_em_autoclass.core.losses.base import (
    LossTerm,
    Part,
    Sizes,
    StepBatch,
    TermOut,
    TrainState,
    absent,
    log_probs,
)
from napari_em_autoclass.core.losses.pairs import PairSource, pair_parts, sample_pairs

__all__ = ["Contrast", "contrast_loss"]

_SHORTEST = 1e-4  # features shorter than this have no direction


def contrast_loss(
    a: Tensor, b: Tensor, temperature: float = 0.1, classes: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """Return how hard it is to tell the partner of a row from all other rows of both sides (NT-Xent), in nats.

    Parameters
    ----------
    a, b : Tensor, shape (n, D), paired; only their directions count
    temperature : of the cosines, at least 0.05
    classes : class probabilities (n, K) of both sides, or None
        If given, another row counts with the probability that it is of another class; no gradient reaches these.

    Returns
    -------
    Tensor, scalar
        Mean over both sides: ``ln(1 + (2n - 2) exp(-1 / temperature))`` for equal sides with rows at right angles,
        ``ln(2n - 1)`` if all rows are the same.
    """
    # By the root, so that products of rows are cosines over the temperature without a pass over n x n numbers.
    a, b = (normalize(side, dim=1, eps=_SHORTEST) / math.sqrt(temperature) for side in (a, b))
    # Three blocks of the 2n x 2n matrix, as the two between the sides are the same: that halves the time.
    across = _odds(a, b, temperature).exp()  # (n, n)
    among_a, among_b = (_odds(side, side, temperature).fill_diagonal_(-torch.inf).exp() for side in (a, b))
    if classes is not None:
        across = across * _disagreement(*classes).fill_diagonal_(1.0)  # a partner counts whatever its class
        among_a, among_b = among_a * _disagreement(classes[0]), among_b * _disagreement(classes[1])
    log_all = (across.sum(dim=1) + among_a.sum(dim=1)).log() + (across.sum(dim=0) + among_b.sum(dim=1)).log()  # (n,)
    return log_all.mean() / 2 + 1 / temperature - (a * b).sum(dim=1).mean()


class Contrast(LossTerm):
    """Know each pixel again in another view, among all other pixels, by its features: in nats.

    With n pixels about ``ln(1 + (2n - 2) exp(-1 / temperature))`` at the optimum and ``ln(2n - 1)`` where all are the
    same.  It wants every pixel to be unique, which classes are not: use it beside a term that makes classes.

    Source: Chen et al. 2020 (SimCLR), eq. 1; Wang et al. 2021 (DenseCL) with the source "match", other pixels of the
    step in place of its queue.
    """

    samples_pixels: ClassVar[bool] = True

    kind: Literal["contrast"] = "contrast"
    """Know each place again among all others."""
    source: PairSource = "view"
    """The other side of a pixel: another contrast, a turned image, the next section, or what looks alike there."""
    n_pixels: int = Field(1024, ge=2, le=2048, json_schema_extra={"step": 128})
    """How many pixels are told from each other at each step; time and memory grow with the square."""
    temperature: float = Field(0.1, ge=0.05, le=1, json_schema_extra={"step": 0.05})
    """The lower, the more the pixels that are most alike count."""
    by_class: bool = False
    """Need not tell apart what the classifier holds to be of one class."""
    n_projected: int = Field(0, ge=0, le=256, json_schema_extra={"step": 16})
    """Compare in a space of so many dimensions made by a small network of its own; 0 compares the features as such."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        parts = pair_parts(self.source)
        return parts if self.by_class else parts - {"logits"}

    def network(self, sizes: Sizes) -> nn.Module | None:
        """Return the network that features (n, D) are compared behind, if one is asked for."""
        if not self.n_projected:
            return None
        d = sizes.n_features
        return nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, self.n_projected))

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a scalar of 0 nats or more; 0 if the batch lacks what the term reads."""
        pairs = sample_pairs(batch, self.source, self.n_pixels, state)
        if pairs is None:
            return absent(batch)
        a, b = pairs.features_a, pairs.features_b
        # Not by the setting: it may change during a run, the network is made once.
        if self.kind in state.networks:
            a, b = (state.networks[self.kind](side) for side in (a, b))
        classes = (log_probs(pairs.logits_a).exp(), log_probs(pairs.logits_b).exp()) if self.by_class else None
        return TermOut(contrast_loss(a, b, self.temperature, classes))


def _odds(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """Return the products of rows (n, n) less their greatest possible value, so that their exponentials stay finite."""
    return torch.addmm(a.new_tensor(-1 / temperature), a, b.T)


@torch.no_grad()
def _disagreement(p: Tensor, q: Tensor | None = None) -> Tensor:
    """Return 1 - <p_i, q_j> (n, n); fixed, or it would be met by one class for all."""
    return (1 - p @ (p if q is None else q).T).clamp(min=0.0)
