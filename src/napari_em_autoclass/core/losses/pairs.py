"""Pairs of pixels that should mean the same thing, drawn for the terms that compare them.

Where the two sides of a pair come from is a setting of the term: another contrast of the same section, a turned one,
or the next section, there at the same place or at the place that looks most alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor

from napari_em_autoclass.core.losses.matching import best_matches

if TYPE_CHECKING:
    from napari_em_autoclass.core.losses.base import Part, StepBatch, TrainState

__all__ = ["PairSample", "PairSource", "draw_pixels", "pair_parts", "rows_at", "sample_pairs"]

PairSource = Literal["view", "turned", "neighbour", "match", "teacher", "teacher_neighbour"]
"""The other side of a pair: a pass of `StepBatch.seen`, or "match", the pixel of "neighbour" that looks most alike."""


class PairSample(NamedTuple):
    """n pairs (a, b) of pixels: features (n, D) and logits (n, K) of both sides, float32."""

    features_a: Tensor
    features_b: Tensor
    logits_a: Tensor
    logits_b: Tensor


def pair_parts(source: PairSource) -> frozenset[Part]:
    """Return which parts of a batch pairs from `source` need."""
    return frozenset({"logits", "neighbour" if source == "match" else source})


def draw_pixels(mask: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Return at most `n` different places (n,) int64 in the flattened `mask` (B, h, w), evenly from where it holds."""
    places = mask.flatten().nonzero().flatten()
    if len(places) <= n:
        return places
    return places[torch.randperm(len(places), generator=generator)[:n].to(places.device)]


def rows_at(values: Tensor, places: Tensor) -> Tensor:
    """Return the rows (n, C) of `values` (B, C, h, w) at `places` (n,), indices into the flattened B x h x w."""
    b, c, h, w = values.shape
    tile, pixel = places // (h * w), places % (h * w)
    return values.reshape(b, c, h * w)[tile, :, pixel]


def sample_pairs(batch: StepBatch, source: PairSource, n: int, state: TrainState) -> PairSample | None:
    """Return at most `n` pairs from within the mask; None if the batch lacks what they need.

    Parameters
    ----------
    batch, state : as a term gets them
    source : where the second side comes from
    n : terms that compare all with all cost n squared
    """
    other = batch.seen.get("neighbour" if source == "match" else source)
    if other is None or batch.features is None:
        return None
    places = draw_pixels(batch.mask, n, state.generator("pairs"))
    if not len(places):
        return None
    there = places if source != "match" else best_matches(batch.features, other.features, places, batch.mask)
    return PairSample(
        rows_at(batch.features, places).float(),
        rows_at(other.features, there).float(),
        rows_at(batch.logits, places).float(),
        rows_at(other.logits, there).float(),
    )
