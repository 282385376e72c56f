"""Pairs of pixels that should mean the same thing, drawn for the terms that compare them.

Where the two sides of a pair come from is a setting of the term: another contrast of the same section, a turned one,
or the next section, there at the same place or at the place that looks most alike.  Terms of one step that draw
equally many draw the same pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor

from napari_em_autoclass.core.losses.base import log_probs
from napari_em_autoclass.core.losses.matching import mutual_matches

if TYPE_CHECKING:
    from napari_em_autoclass.core.losses.base import Part, StepBatch, TrainState

__all__ = [
    "ActsOn",
    "PairSample",
    "PairSource",
    "draw_pixels",
    "pair_parts",
    "rows_at",
    "sample_pairs",
    "sample_sides",
    "side_parts",
]

PairSource = Literal["view", "turned", "neighbour", "match", "teacher", "teacher_neighbour"]
"""The other side of a pair: a pass of `StepBatch.seen`, or "match", the pixel of "neighbour" that looks most alike."""

ActsOn = Literal["features", "logits", "probabilities"]
"""What of a pixel a term compares."""


class PairSample(NamedTuple):
    """Pairs (a, b) of n pixels: features (n, D) and logits (n, K) of both sides, float32 (float64 stays)."""

    features_a: Tensor
    features_b: Tensor
    logits_a: Tensor
    logits_b: Tensor


def pair_parts(source: PairSource) -> frozenset[Part]:
    """Return which parts of a batch pairs from `source` need, if logits are to be read."""
    return frozenset({"logits", "neighbour" if source == "match" else source})


def side_parts(acts_on: ActsOn, source: PairSource | None) -> frozenset[Part]:
    """Return which parts of a batch `sample_sides` needs."""
    parts: frozenset[Part] = frozenset({"logits"}) if source is None else pair_parts(source)
    return parts - {"logits"} if acts_on == "features" else parts


def draw_pixels(mask: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Return at most `n` different places (n,) int64 in the flattened `mask` (B, h, w), evenly from where it holds."""
    places = mask.flatten().nonzero().flatten()
    if len(places) <= n:
        return places
    return places[torch.randperm(len(places), generator=generator)[:n].to(places.device)]


def rows_at(values: Tensor, places: Tensor) -> Tensor:
    """Return the rows (n, C) of `values` (B, C, h, w) at `places` (n,), indices into the flattened B x h x w."""
    b, c, h, w = values.shape
    if values.stride(1) == 1:  # as the network lays them out; its rows can be taken whole, in a tenth of the time
        return values.movedim(1, -1).reshape(-1, c).index_select(0, places)
    tile, pixel = places // (h * w), places % (h * w)
    return values.reshape(b, c, h * w)[tile, :, pixel]


def sample_pairs(batch: StepBatch, source: PairSource, n: int, state: TrainState) -> PairSample | None:
    """Return at most `n` pairs from within the mask; None if there are none, or the batch lacks what they need.

    Parameters
    ----------
    batch : as a term gets it
    source : where the second side comes from; of "match" only matches that are mutual (within 1 pixel) come back
    n : terms that compare all with all cost n squared
    state : as a term gets it
    """
    other = batch.seen.get("neighbour" if source == "match" else source)
    if other is None or batch.features is None:
        return None
    here = there = draw_pixels(batch.mask, n, state.generator("pairs"))
    if source == "match":
        matches = mutual_matches(batch.features, other.features, here, batch.mask)
        here, there = here[matches.is_mutual], matches.there[matches.is_mutual]
    if not len(here):
        return None
    return PairSample(
        _wide(rows_at(batch.features, here)),
        _wide(rows_at(other.features, there)),
        _wide(rows_at(batch.logits, here)),
        _wide(rows_at(other.logits, there)),
    )


def sample_sides(
    batch: StepBatch, acts_on: ActsOn, source: PairSource | None, n: int, state: TrainState
) -> tuple[Tensor, ...]:
    """Return what a term acts on at `n` pixels or fewer: one side (n, D or K) without a source, else two.

    Nothing if the batch lacks what they need, or there are fewer than two pixels, of which no spread can be had.
    """
    if source is None:
        values = batch.features if acts_on == "features" else batch.logits
        if values is None:
            return ()
        sides: tuple[Tensor, ...] = (_wide(rows_at(values, draw_pixels(batch.mask, n, state.generator("pairs")))),)
    else:
        pairs = sample_pairs(batch, source, n, state)
        if pairs is None:
            return ()
        sides = pairs[:2] if acts_on == "features" else pairs[2:]
    if len(sides[0]) < 2:
        return ()
    return tuple(log_probs(side).exp() for side in sides) if acts_on == "probabilities" else sides


def _wide(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()
