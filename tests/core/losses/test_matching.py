"""Matches within a window; MATCH-1 is the test vector of the methods reference."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.losses.matching import best_matches, mutual_matches

H, W = 20, 24
EVERYWHERE = torch.ones(2, H, W, dtype=torch.bool)


@pytest.fixture
def features() -> Tensor:
    """Give features (2, 8, H, W) of which no two pixels are alike."""
    return torch.randn((2, 8, H, W), generator=torch.Generator().manual_seed(0))


def place(tile: int, y: int, x: int) -> Tensor:
    return torch.tensor([(tile * H + y) * W + x])


def interior(margin: int) -> Tensor:
    inside = torch.zeros(2, H, W, dtype=torch.bool)
    inside[:, margin:-margin, margin:-margin] = True
    return inside.flatten().nonzero().flatten()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_match_1_a_shift_is_found_at_every_pixel(features: Tensor, dtype: torch.dtype, layout) -> None:
    ours = features.to(dtype).contiguous(memory_format=layout)
    theirs = ours.roll((2, -3), dims=(2, 3))
    places = interior(4)
    there = best_matches(ours, theirs, places, EVERYWHERE)
    assert torch.equal(there - places, torch.full_like(places, 2 * W - 3))


def test_length_of_the_features_does_not_matter(features: Tensor) -> None:
    louder = features * (1 + 9 * torch.rand(2, 1, H, W, generator=torch.Generator().manual_seed(1)))
    assert torch.equal(best_matches(features, louder, interior(4), EVERYWHERE), interior(4))


def test_equals_a_plain_loop(features: Tensor) -> None:
    generator = torch.Generator().manual_seed(2)
    theirs = torch.randn(features.shape, generator=generator)
    mask = torch.rand(EVERYWHERE.shape, generator=generator) > 0.3
    places = torch.arange(0, 2 * H * W, 17)
    for here, there in zip(places.tolist(), best_matches(features, theirs, places, mask, 2).tolist(), strict=True):
        tile, y, x = here // (H * W), here % (H * W) // W, here % W
        found = {
            (v, u): float(torch.cosine_similarity(features[tile, :, y, x], theirs[tile, :, v, u], dim=0))
            for v in range(max(0, y - 2), min(H, y + 3))
            for u in range(max(0, x - 2), min(W, x + 3))
            if mask[tile, v, u]
        }
        v, u = max(found, key=lambda at: found[at])
        assert there == (tile * H + v) * W + u


def test_a_match_further_than_the_radius_is_not_found(features: Tensor) -> None:
    theirs = features.roll(5, dims=2)
    there = best_matches(features, theirs, interior(6), EVERYWHERE, radius=4)
    assert not (there == interior(6) + 5 * W).any()
    assert torch.equal(best_matches(features, theirs, interior(6), EVERYWHERE, radius=5), interior(6) + 5 * W)


def test_a_match_outside_the_mask_is_not_found(features: Tensor) -> None:
    mask = EVERYWHERE.clone()
    mask[1, 10, 10] = False
    here = place(1, 10, 10)
    assert best_matches(features, features, here, EVERYWHERE) == here
    assert best_matches(features, features, here, mask) != here


@pytest.mark.parametrize("corner", [(0, 0), (0, W - 1), (H - 1, 0), (H - 1, W - 1)])
@pytest.mark.parametrize("tile", [0, 1])
def test_matches_stay_in_their_tile_at_its_corners(features: Tensor, corner: tuple[int, int], tile: int) -> None:
    there = int(best_matches(features, features.roll(1, dims=2), place(tile, *corner), EVERYWHERE))
    y, x = there % (H * W) // W, there % W
    assert there // (H * W) == tile
    assert abs(y - corner[0]) <= 4
    assert abs(x - corner[1]) <= 4


def test_of_equals_the_nearest_is_taken() -> None:
    same = torch.ones(2, 8, H, W)
    assert torch.equal(best_matches(same, same, interior(1), EVERYWHERE), interior(1))


def test_matches_of_a_shift_are_mutual(features: Tensor) -> None:
    matches = mutual_matches(features, features.roll((2, -3), dims=(2, 3)), interior(4), EVERYWHERE)
    assert torch.equal(matches.there, interior(4) + 2 * W - 3)
    assert matches.is_mutual.all()


def test_few_matches_of_noise_are_mutual(features: Tensor) -> None:
    noise = torch.randn(features.shape, generator=torch.Generator().manual_seed(3))
    matches = mutual_matches(features, noise, interior(4), EVERYWHERE)
    # Chance is high, since the best of 81 is likely to be the best seen from there too.
    assert 0.1 < float(matches.is_mutual.float().mean()) < 0.6


@pytest.mark.parametrize(("away", "is_mutual"), [((0, 0), True), ((1, -1), True), ((0, 2), False), ((-2, 0), False)])
def test_one_pixel_off_on_the_way_back_is_mutual_and_two_are_not(away: tuple[int, int], is_mutual: bool) -> None:
    # One pixel of theirs is like ours at the start, and still more like ours some pixels away.
    ours, theirs = torch.zeros(2, 8, H, W), torch.zeros(2, 8, H, W)
    ours[:, 0] = theirs[:, 1] = 1
    theirs[1, :, 11, 12] = torch.eye(8)[2] + torch.eye(8)[3]
    ours[1, :, 10, 10] = torch.eye(8)[2]
    ours[1, :, 10 + away[0], 10 + away[1]] = torch.eye(8)[2] + 0.5 * torch.eye(8)[3]
    ours[1, :, 10, 10] = torch.eye(8)[2] if away != (0, 0) else ours[1, :, 10, 10]
    matches = mutual_matches(ours, theirs, place(1, 10, 10), EVERYWHERE)
    assert matches.there == place(1, 11, 12)
    assert bool(matches.is_mutual) is is_mutual


def test_no_gradient_is_kept(features: Tensor) -> None:
    ours = features.clone().requires_grad_()
    assert not mutual_matches(ours, ours, interior(4), EVERYWHERE).there.requires_grad
