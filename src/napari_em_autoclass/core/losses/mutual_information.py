"""Mutual information between the classes of paired pixels (IIC), as two terms that differ in the pairs.

It is highest when each pixel's class can be told from its partner's *and* all classes are in use, so it holds
agreement, confidence and balance in one number.  It still permits that only a few of the K classes are used.

Source: Ji, Henriques, Vedaldi 2019, "Invariant Information Clustering", eq. 3; formula re-implemented.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import pad

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
from napari_em_autoclass.core.losses.pairs import sample_pairs

__all__ = ["NeighbourInformation", "ViewInformation", "displaced_information_loss", "mutual_information_loss"]

_FINER_PIXELS = 8192


def mutual_information_loss(a: Tensor, b: Tensor, marginal_weight: float = 1.0) -> Tensor:
    """Return minus the mutual information of paired class probabilities, in nats.

    Parameters
    ----------
    a, b : Tensor, shape (N, K), rows sum to 1
    marginal_weight : weight of the marginal entropies (lambda of the paper); 1 is exactly minus the information

    Returns
    -------
    Tensor, scalar
        ``-ln K`` for balanced, certain, equal classes; 0 when all pixels have one class or are undecided.

    Raises
    ------
    ValueError
        If the shapes differ or are not (N, K).
    """
    if a.ndim != 2 or a.shape != b.shape:
        raise ValueError(f"expected two tensors of one shape (N, K), got {tuple(a.shape)} and {tuple(b.shape)}")
    joint = a.T @ b / len(a)  # (K, K); the product over pixels, never an (N, K, K) tensor
    return _minus_information(joint, marginal_weight)


def _minus_information(joint: Tensor, marginal_weight: float) -> Tensor:
    joint = (joint + joint.T) / 2
    # Added, not clamped: a clamp has no gradient where a class is empty.
    joint = joint + 1e-9
    joint = joint / joint.sum()
    marginal = joint.sum(dim=0)  # (K,); symmetric, so both marginals are the same
    log_expected = marginal_weight * (marginal.log()[:, None] + marginal.log()[None, :])
    return -(joint * (joint.log() - log_expected)).sum()


def displaced_information_loss(
    a: Tensor, b: Tensor, mask: Tensor, shift_px: int, marginal_weight: float = 1.0
) -> Tensor:
    """Return minus the mutual information of pixels and those up to `shift_px` away, averaged over displacements.

    A class then has to say something of the pixels around it too, which favours regions over speckle.  Source: Ji et
    al. 2019, its form for segmentation, "uncollapsed": averaged is the information of a displacement, not the joint.

    Parameters
    ----------
    a, b : Tensor, shape (B, K, h, w), class probabilities of two views
    mask : (B, h, w) bool; pairs with a pixel outside do not count
    shift_px : largest displacement along each axis; 0 is `mutual_information_loss`
    marginal_weight : as there

    Returns
    -------
    Tensor, scalar, in nats
        ``-ln K`` at best, where each class is balanced, certain and reaches further than the displacement.
    """
    rows_a, rows_b, stride = _flattened(a, mask, shift_px), _flattened(b, mask, shift_px), a.shape[-1] + shift_px
    n = rows_a.shape[1]
    losses = []
    for dy in range(-shift_px, shift_px + 1):
        for dx in range(-shift_px, shift_px + 1):
            step = dy * stride + dx
            ours = rows_a.narrow(1, max(-step, 0), n - abs(step))
            theirs = rows_b.narrow(1, max(step, 0), n - abs(step))
            joint = ours @ theirs.T  # (K, K); its sum is the number of pairs
            losses.append(_minus_information(joint / joint.sum().clamp(min=1e-9), marginal_weight))
    return torch.stack(losses).mean()


def _flattened(probs: Tensor, mask: Tensor, gap: int) -> Tensor:
    """Return maps (B, K, h, w) as rows (K, n), 0 outside the mask and in gaps between lines and tiles.

    So one step along n is a displacement in all tiles at once, and what it takes over an edge is 0.
    """
    # Chosen, not multiplied: what lies outside may be anything.
    inside = torch.where(mask[:, None], probs, 0)
    return pad(inside, (0, gap, 0, gap)).movedim(1, 0).flatten(1)


class NeighbourInformation(LossTerm):
    """Neighbouring sections must foretell this one: minus the information between predictor and classifier, in nats.

    Source: Ji et al. 2019 on the pair (predictor's foretelling of a section, its class map).
    """

    kind: Literal["neighbour_information"] = "neighbour_information"
    """Neighbouring sections must foretell this one."""
    marginal_weight: float = Field(1.0, ge=0.5, le=3, json_schema_extra={"step": 0.1})
    """Above 1 asks for more classes in use."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return frozenset({"logits", "predicted"})

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a scalar in [-ln K, 0] nats (below that for a marginal weight above 1); 0 without a predictor."""
        if batch.predicted_logits is None:
            return absent(batch)
        return _information(batch.predicted_logits, batch, self.marginal_weight)


class ViewInformation(LossTerm):
    """Ignore contrast and noise: minus the information between two photometric views of the same pixels, in nats.

    With more classes asked for, a second head of so many is trained beside the first, at 8192 pixels, and the two
    values are averaged.

    Source: Ji et al. 2019.
    """

    kind: Literal["view_information"] = "view_information"
    """Ignore contrast and noise."""
    marginal_weight: float = Field(1.0, ge=0.5, le=3, json_schema_extra={"step": 0.1})
    """Above 1 asks for more classes in use."""
    source: Literal["view", "turned"] = "view"
    """The second view: another contrast, or also turned."""
    shift_px: int = Field(0, ge=0, le=2)
    """How far apart the two pixels of a pair may lie; above 0 favours regions over speckle."""
    over_classes: int = Field(0, ge=0, le=254)
    """Classes of a second, finer map that is learned beside the first and thrown away; 0 for none."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return frozenset({"logits", self.source})

    def network(self, sizes: Sizes) -> nn.Module | None:
        """Return the second head, learned features to logits; None without one."""
        return nn.Linear(sizes.n_features, self.over_classes) if self.over_classes else None

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a scalar in [-ln K, 0] nats (below that for a marginal weight above 1); 0 without a second view."""
        view = batch.seen.get(self.source)
        if view is None:
            return absent(batch)
        out = self._on_classes(view.logits, batch)
        if not self.over_classes:
            return out
        # At drawn pixels, since three times the classes on all of them cost more than the network.
        pairs = sample_pairs(batch, self.source, _FINER_PIXELS, state)
        if pairs is None:
            return out
        head = state.networks[self.kind]
        theirs, ours = (log_probs(head(side)).exp() for side in (pairs.features_b, pairs.features_a))
        finer = mutual_information_loss(theirs, ours, self.marginal_weight)
        return TermOut((out.loss + finer) / 2, out.logs)

    def _on_classes(self, theirs: Tensor, batch: StepBatch) -> TermOut:
        if not self.shift_px:
            return _information(theirs, batch, self.marginal_weight)
        a, b = log_probs(theirs).exp(), log_probs(batch.logits).exp()
        loss = displaced_information_loss(a, b, batch.mask, self.shift_px, self.marginal_weight)
        return _with_share(loss, b.shape[1])


def _information(other_logits: Tensor, batch: StepBatch, marginal_weight: float) -> TermOut:
    theirs = log_probs(batch.inside(other_logits)).exp()  # (N, K)
    return _with_share(mutual_information_loss(theirs, batch.p, marginal_weight), theirs.shape[1])


def _with_share(loss: Tensor, n_classes: int) -> TermOut:
    share = -float(loss.detach()) / math.log(n_classes)
    return TermOut(loss, {"share_of_maximum": share}) if torch.isfinite(loss) else TermOut(loss)
