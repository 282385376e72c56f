"""The neural normalised cut: classes as groups of pixels that look alike, wherever in the batch they lie.

W-Net's soft cut ties a pixel to those around it; here sampled pixels of all tiles are tied by what they look like, so
the cut is global.  A second part asks the groups to be decided and disjoint, and alone forbids that all pixels are one
class or undecided; it asks for no equal sizes, which suits the rare structures of tissue.

Source: He et al., "Neural Normalized Cut" (NeuNcut), its objective; formula re-implemented, each part divided by its
largest value, so that neither depends on the number of classes.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from napari_em_autoclass.core.losses.base import LossTerm, Part, StepBatch, TermOut, TrainState, absent, log_probs
from napari_em_autoclass.core.losses.images import filter_rows, wide
from napari_em_autoclass.core.losses.pairs import draw_pixels, rows_at
from napari_em_autoclass.core.settings import Nanometres

__all__ = ["NeuralCut", "affinity_of", "neural_cut"]


def neural_cut(affinity: Tensor, probs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the normalised cut of a graph, and how far its groups are from being decided and disjoint.

    Parameters
    ----------
    affinity : (n, n), symmetric, 0 or more
    probs : (n, K), sums to 1 over K

    Returns
    -------
    Tensor, scalar
        The trace of the paper, 0 to K: 0 for groups without ties between them, and for undecided pixels.
    Tensor, scalar
        The Frobenius norm of the paper, 0 to √(K - 1): 0 for decided pixels of any class sizes; the most for undecided
        ones and for one class everywhere.
    """
    degree = affinity.sum(dim=1)  # (n,)
    total = degree.sum().clamp(min=1e-9)
    degree = degree / total
    # An empty class is 0 / 0; the small number is far below the weight of one pixel.
    members = probs / (degree @ probs + 1e-9).sqrt()  # (n, K)
    overlap = members.T @ (degree[:, None] * members)  # (K, K)
    trace = overlap.diagonal().sum() - (members * (affinity @ members)).sum() / total
    away = overlap - torch.eye(probs.shape[1], dtype=probs.dtype, device=probs.device)
    # A root has no slope at 0; the small number gives it one.
    return trace, (away.square().sum() + 1e-14).sqrt()


@torch.no_grad()
def affinity_of(looks: Tensor, likeness: float) -> Tensor:
    """Return the affinity (n, n) of pixels by their looks (n, C): 1 for equal ones, 0 of a pixel with itself.

    A Gaussian whose width is `likeness` times the root mean square distance of the pixels.
    """
    looks = looks - looks.mean(dim=0)
    size = looks.square().sum(dim=1)  # (n,)
    squared = (size[:, None] + size[None, :] - 2 * looks @ looks.T).clamp(min=0)  # (n, n)
    typical = (2 * size.mean()).clamp(min=1e-12)  # the mean squared distance
    affinity = torch.exp(-squared / (2 * likeness**2 * typical))
    # Ties of a pixel with itself cancel in the cut, but would count among its ties to others.
    return affinity.fill_diagonal_(0)


class NeuralCut(LossTerm):
    """Let pixels that look alike share a class, across all tiles: share of ties that lead out of a class, 0 to 1.

    Added to it is `decided`, times a number that is 0 when each pixel has one class and 1 when all are undecided or of
    one class.  So the value is 0 at the optimum and `decided` at both collapses.

    Source: He et al. (NeuNcut).
    """

    samples_pixels = True
    kind: Literal["neural_cut"] = "neural_cut"
    """Pixels that look alike share a class."""
    looks: Literal["filters", "features"] = "filters"
    """What alike means: to fixed filters, or to the features learned so far."""
    scales_nm: tuple[Nanometres, ...] = Field((8.0, 16.0, 32.0, 64.0), min_length=1, max_length=8)
    """Scales of the fixed filters."""
    likeness: float = Field(0.4, ge=0.05, le=3, json_schema_extra={"step": 0.05})
    """How unlike two pixels may be and still belong together; 1 is the usual difference of two pixels."""
    decided: float = Field(1.0, ge=0, le=10, json_schema_extra={"step": 0.1})
    """How much it counts that pixels are decided and classes are in use."""
    n_pixels: int = Field(1024, ge=64, le=4096)
    """Pixels that are compared in each step, all with all."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return frozenset({"logits", "sections"} if self.looks == "filters" else {"logits"})

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a scalar from 0 to about 1 + `decided`; 0 without images (or features)."""
        seen = batch.sections if self.looks == "filters" else batch.features
        places = draw_pixels(batch.mask, self.n_pixels, state.generator(self.kind))
        if seen is None or not len(places):
            return absent(batch)
        if self.looks == "filters":
            looks = filter_rows(seen[:, 0], batch.mask, places, self.scales_nm, batch.spacing_nm)  # (n, C)
        else:
            looks = wide(rows_at(seen.detach(), places))  # (n, D)
        probs = log_probs(rows_at(batch.logits, places)).exp()  # (n, K)
        affinity = affinity_of(looks, self.likeness)
        cut, away = neural_cut(affinity.to(probs.dtype), probs)
        n_classes = probs.shape[1]
        cut, away = cut / n_classes, away / (n_classes - 1) ** 0.5
        return TermOut(cut + self.decided * away, {"cut": float(cut.detach()), "undecided": float(away.detach())})
