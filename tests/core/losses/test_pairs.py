"""Which pixels are drawn, and what is read there."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.losses import Seen, StepBatch, TrainState
from napari_em_autoclass.core.losses.pairs import (
    ActsOn,
    PairSource,
    draw_pixels,
    pair_parts,
    rows_at,
    sample_pairs,
    sample_sides,
    side_parts,
)

SOURCES = get_args(PairSource)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def places_batch() -> StepBatch:
    """Give a batch in which features and logits of each pixel are its place in (B, h, w), and 100 more elsewhere."""
    places = torch.arange(2 * 8 * 10).reshape(2, 1, 8, 10).float()
    mask = torch.zeros(2, 8, 10, dtype=torch.bool)
    mask[:, 2:-2, 3:-1] = True
    there = Seen((places + 100).expand(2, 3, 8, 10), (places + 100).expand(2, 2, 8, 10))
    seen = dict.fromkeys(("view", "turned", "neighbour", "teacher", "teacher_neighbour"), there)
    return StepBatch(places.expand(2, 2, 8, 10), mask, places.expand(2, 3, 8, 10), seen)


def test_pixels_are_drawn_once_each_from_within_the_mask(raw) -> None:
    drawn = draw_pixels(raw.mask, 200, generator())
    assert len(drawn) == len(set(drawn.tolist())) == 200
    assert raw.mask.flatten()[drawn].all()


def test_all_pixels_are_drawn_if_there_are_no_more(raw) -> None:
    drawn = draw_pixels(raw.mask, 10_000, generator())
    assert torch.equal(drawn.sort().values, raw.mask.flatten().nonzero().flatten())


def test_pixels_are_drawn_evenly() -> None:
    mask = torch.ones(2, 5, 10, dtype=torch.bool)
    times = torch.bincount(torch.cat([draw_pixels(mask, 20, generator(seed)) for seed in range(500)]), minlength=100)
    assert times.float().mean() == 100
    assert float(times.float().std()) < 15  # sqrt(100 x 0.8) = 9 expected


def test_nothing_is_drawn_from_an_empty_mask() -> None:
    assert len(draw_pixels(torch.zeros(1, 4, 4, dtype=torch.bool), 5, generator())) == 0


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("n_channels", [1, 4])
def test_rows_are_those_of_the_places_and_take_the_gradient_there(layout, n_channels: int) -> None:
    whole = torch.randn((2, 6, 5, 7), generator=generator()).contiguous(memory_format=layout).requires_grad_()
    values = whole[:, :n_channels]  # as features come, a part of what the network gives
    places = torch.tensor([0, 69, 34, 35, 34])
    rows = rows_at(values, places)
    expected = [values[p // 35, :, p % 35 // 7, p % 7] for p in places.tolist()]
    assert torch.equal(rows, torch.stack(expected))
    (slow,) = torch.autograd.grad(torch.stack(expected).square().sum(), whole)
    (fast,) = torch.autograd.grad(rows.square().sum(), whole)
    torch.testing.assert_close(fast, slow)


@pytest.mark.parametrize("source", [source for source in SOURCES if source != "match"])
def test_both_sides_are_read_at_the_same_places_in_the_mask(places_batch: StepBatch, source: PairSource, state) -> None:
    pairs = sample_pairs(places_batch, source, 12, state)
    assert pairs is not None
    assert pairs.features_a.shape == (12, 3)
    assert pairs.logits_b.shape == (12, 2)
    assert places_batch.mask.flatten()[pairs.features_a[:, 0].long()].all()
    assert torch.equal(pairs.features_b, pairs.features_a + 100)
    assert torch.equal(pairs.logits_a, pairs.features_a[:, :2])
    assert torch.equal(pairs.logits_b, pairs.features_b[:, :2])


def moved(raw, shift: tuple[int, int]) -> StepBatch:
    """Return a batch whose neighbouring section is the section itself, moved."""
    batch = raw.batch()
    there = Seen(*(values.roll(shift, dims=(2, 3)) for values in (batch.features, batch.logits)))
    inner = torch.zeros_like(batch.mask)
    inner[:, 4:-4, 4:-4] = True
    return replace(batch, mask=inner, seen={"neighbour": there})


def test_matches_follow_what_has_moved(raw, state) -> None:
    batch = moved(raw, (2, -1))
    matched, straight = (sample_pairs(batch, source, 1000, state) for source in ("match", "neighbour"))
    assert matched is not None
    assert straight is not None
    # Not quite all: the like of a pixel near the edge of the mask lies outside of it.
    same = (matched.features_a == matched.features_b).all(dim=1)
    assert same.float().mean() > 0.8
    assert torch.equal(matched.logits_a[same], matched.logits_b[same])
    assert not (straight.features_a == straight.features_b).all(dim=1).any()


def test_only_mutual_matches_are_kept(raw, state) -> None:
    batch = raw.batch()
    matched, straight = (sample_pairs(batch, source, 1000, state) for source in ("match", "neighbour"))
    assert matched is not None
    assert straight is not None
    assert 0 < len(matched.features_a) < 0.7 * len(straight.features_a)


@pytest.mark.parametrize("source", SOURCES)
def test_without_what_they_need_there_are_no_pairs(raw, source: PairSource, state) -> None:
    batch = raw.batch()
    needed = pair_parts(source) - {"logits"}
    assert len(needed) == 1
    only = {name: seen for name, seen in batch.seen.items() if name in needed}
    assert sample_pairs(replace(batch, seen=only), source, 50, state) is not None
    rest = {name: seen for name, seen in batch.seen.items() if name not in needed}
    assert sample_pairs(replace(batch, seen=rest), source, 50, state) is None
    assert sample_pairs(replace(batch, features=None), source, 50, state) is None
    assert sample_pairs(replace(batch, mask=torch.zeros_like(batch.mask)), source, 50, state) is None


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(("given", "wanted"), [(torch.float16, torch.float32), (torch.float64, torch.float64)])
def test_pairs_are_widened_but_never_narrowed(raw, source: PairSource, state, given, wanted) -> None:
    pairs = sample_pairs(raw.mapped(lambda values: values.to(given)).batch(), source, 50, state)
    assert pairs is not None
    assert {values.dtype for values in pairs} == {wanted}


def test_terms_of_one_step_see_the_same_pixels_and_those_of_the_next_others(raw) -> None:
    def drawn(step: int, source: PairSource | None) -> Tensor:
        return sample_sides(raw.batch(), "features", source, 50, TrainState(step, 0.5))[0]

    assert torch.equal(drawn(3, None), drawn(3, "view"))
    assert not torch.equal(drawn(3, None), drawn(4, None))


@pytest.mark.parametrize("acts_on", get_args(ActsOn))
@pytest.mark.parametrize("source", [None, *SOURCES])
def test_sides_are_what_a_term_acts_on(raw, acts_on: ActsOn, source: PairSource | None, state) -> None:
    sides = sample_sides(raw.batch(), acts_on, source, 50, state)
    assert len(sides) == (1 if source is None else 2)
    assert {side.shape[1] for side in sides} == {6 if acts_on == "features" else 5}
    if acts_on == "probabilities":
        for side in sides:
            torch.testing.assert_close(side.sum(dim=1), torch.ones(len(side)))


@pytest.mark.parametrize("acts_on", get_args(ActsOn))
@pytest.mark.parametrize("source", [None, *SOURCES])
def test_sides_need_no_more_than_they_ask_for(raw, acts_on: ActsOn, source: PairSource | None, state) -> None:
    parts = side_parts(acts_on, source)
    batch = raw.batch()
    # Where nobody asks for logits, the batch has fewer channels in their place.
    logits = batch.logits if "logits" in parts else batch.logits[:, :2]
    lean = replace(batch, logits=logits, seen={name: seen for name, seen in batch.seen.items() if name in parts})
    for given, expected in zip(
        sample_sides(lean, acts_on, source, 50, state), sample_sides(batch, acts_on, source, 50, state), strict=True
    ):
        assert torch.equal(given, expected)


def test_of_less_than_two_pixels_there_are_no_sides(raw, state) -> None:
    mask = torch.zeros_like(raw.mask)
    mask[0, 8, 8] = True
    batch = replace(raw.batch(), mask=mask)
    assert sample_sides(batch, "features", None, 50, state) == ()
    assert sample_sides(batch, "logits", "view", 50, state) == ()
