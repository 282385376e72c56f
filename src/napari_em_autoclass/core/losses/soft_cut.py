"""The soft normalised cut of W-Net, exact within a small disc around each pixel.

Classes are groups of pixels with strong ties inside and weak ties out; the tie of two pixels falls with the difference
of their brightness and with their distance.  It acts locally and follows brightness, so it is a smoother for classes
that other terms make: as the main term it sorts pixels by brightness.

Source: Xia, Kulis 2017, "W-Net: a deep model for fully unsupervised image segmentation", eq. 2; formula re-implemented,
one displacement at a time, so that neither a matrix over pixels nor a stack of shifted maps is ever held.
"""

from __future__ import annotations

import math
from types import EllipsisType
from typing import Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from napari_em_autoclass.core.losses.base import LossTerm, Part, StepBatch, TermOut, TrainState, absent, log_probs
from napari_em_autoclass.core.losses.images import blurred_within, within

__all__ = ["SoftCut", "Ties", "class_cuts", "soft_cut_loss"]


_Region = tuple[EllipsisType, slice, slice]


class Ties(NamedTuple):
    """How pixels are tied: over a disc of `radius` pixels, falling with brightness and distance."""

    radius: int = 2
    """Pixels."""
    brightness: float = 0.5
    """Difference at which a tie has fallen to 1/e, in units of the image."""
    distance: float = 4.0
    """Distance at which a tie has fallen to 1/e, pixels."""


def class_cuts(association: Tensor, degree: Tensor) -> Tensor:
    """Return which share of each class's ties leads out of the class, shape (K,), 0 to 1; 1 for an empty class.

    Parameters
    ----------
    association : (K,), ties within each class
    degree : (K,), all ties of each class; divided by the ties of all classes together, so that they sum to 1
    """
    # Where a class is empty both are 0; the small number is below the weight of one pixel in a million.
    return 1 - association / (degree + 1e-9)


def soft_cut_loss(probs: Tensor, image: Tensor, mask: Tensor, ties: Ties) -> Tensor:
    """Return the soft normalised cut of all tiles as one graph, from 0 (each class is an island) to K.

    Parameters
    ----------
    probs : (B, K, h, w), sums to 1 over K
    image : (B, h, w), no gradient
    mask : (B, h, w) bool; pixels outside have no ties
    ties : between a pixel and another, and itself

    Returns
    -------
    Tensor, scalar
        0 for homogeneous classes with sharp borders; K - 1 for one class everywhere and for undecided pixels; each
        empty class costs 1.
    """
    p = within(probs, mask)
    tied, degree = _tied(p.detach(), image.to(p.dtype), mask, ties)
    total = degree.sum().clamp(min=1e-9)
    # The ties are symmetric, so the derivative of p W p is twice W p: no map but W p is kept for the backward pass.
    within_class = (p * tied).sum(dim=(0, 2, 3))  # (K,)
    association = 2 * within_class - within_class.detach()
    class_degree = (p * degree[:, None]).sum(dim=(0, 2, 3))  # (K,)
    return class_cuts(association / total, class_degree / total).sum()


@torch.no_grad()
def _tied(p: Tensor, image: Tensor, mask: Tensor, ties: Ties) -> tuple[Tensor, Tensor]:
    """Return W p (B, K, h, w) and W 1 (B, h, w), with W the ties."""
    tied, degree = p.clone(), mask.to(p.dtype)  # the tie of a pixel with itself is 1
    for dy, dx in _half_disc(ties.radius):
        near, far = _overlap(dy, dx, image.shape[-2:])
        fall = ((image[near] - image[far]) / ties.brightness) ** 2 + (dy * dy + dx * dx) / ties.distance**2
        tie = torch.exp(-fall) * (mask[near] & mask[far])  # (B, h - dy, w - |dx|)
        tied[near].addcmul_(tie[:, None], p[far])
        tied[far].addcmul_(tie[:, None], p[near])
        degree[near] += tie
        degree[far] += tie
    return tied, degree


def _half_disc(radius: int) -> list[tuple[int, int]]:
    """Return the displacements (dy, dx) of half a disc, without 0; the other half are their negatives."""
    steps = [(dy, dx) for dy in range(radius + 1) for dx in range(-radius, radius + 1)]
    return [(dy, dx) for dy, dx in steps if dy * dy + dx * dx <= radius * radius and (dy, dx) > (0, 0)]


def _overlap(dy: int, dx: int, shape: tuple[int, ...]) -> tuple[_Region, _Region]:
    """Return the indices of pixels that have a partner at (dy, dx), dy >= 0, and of these partners."""
    h, w = shape
    near = (..., slice(0, max(h - dy, 0)), slice(max(-dx, 0), max(w - max(dx, 0), 0)))
    far = (..., slice(dy, None), slice(max(dx, 0), max(w + min(dx, 0), 0)))
    return near, far


class SoftCut(LossTerm):
    """Let classes end where the brightness changes: which share of a class's ties leads out of it, 0 to 1.

    Pixels are tied to those around them, the stronger the more they are alike.  0 for homogeneous classes with sharp
    borders; (K - 1) / K both when one class is everywhere and when all pixels are undecided, so it holds off collapse
    only weakly: give it a small weight, beside other terms.

    Source: Xia, Kulis 2017 (W-Net), eq. 2, divided by K.
    """

    samples_pixels = True
    kind: Literal["soft_cut"] = "soft_cut"
    """Classes end where the brightness changes."""
    radius: int = Field(2, ge=1, le=5)
    """How far pixels are tied to each other, in pixels."""
    brightness: float = Field(0.5, ge=0.05, le=5, json_schema_extra={"step": 0.05})
    """How different in brightness two pixels may be and still belong together, in spreads of the volume."""
    distance: float = Field(4.0, ge=0.5, le=50, json_schema_extra={"step": 0.5})
    """How far from each other two pixels may be and still belong together, in pixels."""
    blur: float = Field(1.0, ge=0, le=5, json_schema_extra={"step": 0.1})
    """How much the section is blurred before brightness is compared, in pixels; against noise."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return frozenset({"logits", "sections"})

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a scalar in [0, 1]; 0 without images."""
        if batch.sections is None or not bool(batch.mask.any()):
            return absent(batch)
        image = blurred_within(batch.sections[:, 0], batch.mask, self.blur)
        probs = log_probs(batch.logits).exp()
        loss = soft_cut_loss(probs, image, batch.mask, Ties(self.radius, self.brightness, self.distance))
        collapsed = 1 - 1 / probs.shape[1]
        loss = loss / probs.shape[1]
        share = float(loss.detach()) / collapsed
        return TermOut(loss, {"share_of_collapse": share} if math.isfinite(share) else {})
