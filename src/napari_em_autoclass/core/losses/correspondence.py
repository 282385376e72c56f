"""Distil which pixels look alike into classes: STEGO, from a fixed description of the image.

Pairs of pixels from one section, from neighbouring sections and from different places of the volume: where their looks
agree more than usual their classes are drawn together, elsewhere pushed apart.  What counts as usual is a quantile of
the agreement at hand: the constants of the paper have to be tuned for each data set.

Source: Hamilton et al. 2022, "Unsupervised Semantic Segmentation by Distilling Feature Correspondences" (STEGO), eq. 3
and 4; formula re-implemented.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import normalize

from napari_em_autoclass.core.losses.base import LossTerm, Part, StepBatch, TermOut, TrainState, absent, log_probs
from napari_em_autoclass.core.losses.images import filter_rows, wide
from napari_em_autoclass.core.losses.pairs import rows_at
from napari_em_autoclass.core.settings import Nanometres

__all__ = ["Correspondence", "agreement_of", "attraction"]


class _Side(NamedTuple):
    """Looks (T, n, C) and code (T, n, D) of n pixels in each of T tiles."""

    looks: Tensor
    code: Tensor

    def rolled(self) -> _Side:
        """Return the same with each tile in the place of the next."""
        return _Side(self.looks.roll(1, dims=0), self.code.roll(1, dims=0))


def agreement_of(a: Tensor, b: Tensor, *, centred: bool) -> Tensor:
    """Return the cosines (T, n, m) of rows of `a` (T, n, C) and `b` (T, m, C).

    Centred ones are on average the same for each row of `a`, so that no pixel agrees with all others.
    """
    cosines = normalize(a, dim=2) @ normalize(b, dim=2).transpose(1, 2)  # (T, n, m)
    return cosines - cosines.mean(dim=2, keepdim=True) + cosines.mean() if centred else cosines


def attraction(looks: Tensor, code: Tensor, shift: Tensor | float) -> Tensor:
    """Return the loss of each pair (T, n, m): below 0 where `looks` are above `shift`, the more the codes agree.

    Codes that disagree already (a negative cosine) are left alone.
    """
    return -(looks - shift) * code.clamp(min=0)


class Correspondence(LossTerm):
    """Let pixels that look alike mean the same, and others not: the mean over pairs of pixels, within -1 to 1.

    Below 0 when classes follow looks (and are no larger than the share that is drawn together).  Above 0 when one class
    is everywhere or all pixels are undecided: pairs that look less alike than usual push them apart.

    Source: Hamilton et al. 2022 (STEGO), eq. 4.
    """

    samples_pixels = True
    kind: Literal["correspondence"] = "correspondence"
    """Pixels that look alike mean the same."""
    looks: Literal["filters", "features"] = "filters"
    """What alike means: to fixed filters, or to the features learned so far."""
    trains: Literal["classes", "features"] = "classes"
    """What is drawn together and pushed apart: the classes, or the learned features."""
    scales_nm: tuple[Nanometres, ...] = Field((8.0, 16.0, 32.0, 64.0), min_length=1, max_length=8)
    """Scales of the fixed filters."""
    own_weight: float = Field(0.67, ge=0, le=10, json_schema_extra={"step": 0.05})
    """How much pairs within a section count."""
    neighbour_weight: float = Field(0.25, ge=0, le=10, json_schema_extra={"step": 0.05})
    """How much pairs between neighbouring sections count."""
    other_weight: float = Field(0.63, ge=0, le=10, json_schema_extra={"step": 0.05})
    """How much pairs from different places of the volume count."""
    near_repelled: float = Field(0.7, ge=0, le=1, json_schema_extra={"step": 0.05})
    """Which share of the pairs from one place is pushed apart."""
    far_repelled: float = Field(0.95, ge=0, le=1, json_schema_extra={"step": 0.05})
    """Which share of the pairs from different places is pushed apart."""
    n_pixels: int = Field(160, ge=16, le=1024)
    """Pixels of each tile that are compared in a step, all with all."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        read: set[Part] = {"neighbour"}
        if self.trains == "classes":
            read.add("logits")
        if self.looks == "filters":
            read.add("sections")
        return frozenset(read)

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a scalar: the weighted mean over the kinds of pairs there are; 0 without images."""
        places = _places(batch.mask, self.n_pixels, state.generator(self.kind))
        sides = self._sides(batch, places)
        if not sides:
            return absent(batch)
        own, losses = sides[0], {}
        losses["own"] = (self.own_weight, self._loss(own, own, self.near_repelled))
        if len(sides) > 1:
            losses["neighbour"] = (self.neighbour_weight, self._loss(own, sides[1], self.near_repelled))
        if len(own.code) > 1:
            losses["other"] = (self.other_weight, self._loss(own, own.rolled(), self.far_repelled))
        total = sum(weight for weight, _ in losses.values())
        loss = torch.stack([weight * value for weight, value in losses.values()]).sum() / max(total, 1e-9)
        return TermOut(loss, {name: float(value.detach()) for name, (_, value) in losses.items()})

    def _loss(self, a: _Side, b: _Side, repelled: float) -> Tensor:
        looks = agreement_of(a.looks, b.looks, centred=True)
        # The nearest value stands for the quantile: exact enough, and a sixth of the time.
        shift = looks.flatten().kthvalue(1 + round(repelled * (looks.numel() - 1))).values
        return attraction(looks, agreement_of(a.code, b.code, centred=False), shift).mean()

    def _sides(self, batch: StepBatch, places: Tensor) -> list[_Side]:
        """Return the middle section at `places` (T, n), and the neighbour if the batch has it; none without images."""
        if batch.features is None or not len(places):
            return []
        maps = [(batch.features, batch.logits)]
        if "neighbour" in batch.seen:
            maps.append(batch.seen["neighbour"])
        looks = [_at(features.detach(), places) for features, _ in maps]
        if self.looks == "filters":
            looks = self._responses(batch, places)
        codes = [self._code(logits if self.trains == "classes" else features, places) for features, logits in maps]
        return [_Side(*side) for side in zip(looks, codes, strict=False)]

    def _responses(self, batch: StepBatch, places: Tensor) -> list[Tensor]:
        """Return filter responses (T, n, C) in the middle section and in its neighbour, if it is known which."""
        if batch.sections is None:
            return []
        shown = [0] if batch.beside is None else [0, batch.beside]
        images = batch.sections[:, shown].movedim(1, 0).flatten(0, 1)  # (sections * B, h, w)
        mask = batch.mask.repeat(len(shown), 1, 1)
        everywhere = torch.stack([places + i * batch.mask.numel() for i in range(len(shown))])  # (sections, T, n)
        # Together, so that a response means the same in both sections.
        rows = filter_rows(images, mask, everywhere.flatten(), self.scales_nm, batch.spacing_nm)
        return list(rows.reshape(*everywhere.shape, -1))

    def _code(self, values: Tensor, places: Tensor) -> Tensor:
        rows = _at(values, places)
        return log_probs(rows.flatten(0, 1)).exp().reshape(rows.shape) if self.trains == "classes" else rows


def _places(mask: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Return `n` places (T, n) of each tile that has a valid pixel, into the flattened `mask` (B, h, w)."""
    weights = mask.flatten(1).float().cpu()  # (B, h * w)
    tiles = weights.any(dim=1).nonzero().flatten()  # (T,)
    if not len(tiles):
        return torch.empty((0, n), dtype=torch.int64)
    inside = weights[tiles].multinomial(n, replacement=True, generator=generator)  # (T, n)
    return (inside + tiles[:, None] * weights.shape[1]).to(mask.device)


def _at(values: Tensor, places: Tensor) -> Tensor:
    """Return the rows (T, n, C) of `values` (B, C, h, w) at `places` (T, n)."""
    return wide(rows_at(values, places.flatten())).reshape(*places.shape, -1)
