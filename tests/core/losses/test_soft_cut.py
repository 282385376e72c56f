"""The soft normalised cut; NC-1 to NC-5 are the test vectors of the methods reference.

NC-1 to NC-4 have two blocks of pixels that are fully tied inside and not at all to each other: here two grey values far
apart, and a distance that does not count.
"""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.losses import StepBatch
from napari_em_autoclass.core.losses.soft_cut import SoftCut, Ties, class_cuts, soft_cut_loss

BLOCKS = Ties(radius=5, brightness=1.0, distance=1e6)
TWO_GREYS = torch.tensor([[0.0, 0.0, 0.0, 0.0, 99.0, 99.0, 99.0, 99.0]], dtype=torch.float64)[None]  # (1, 1, 8)


def cut(classes: list[int], n_classes: int, ties: Ties = BLOCKS) -> float:
    probs = torch.eye(n_classes, dtype=torch.float64)[torch.tensor(classes)].T[None, :, None]  # (1, K, 1, 8)
    return float(soft_cut_loss(probs, TWO_GREYS, torch.ones_like(TWO_GREYS, dtype=torch.bool), ties))


def dense_cut(probs: Tensor, image: Tensor, mask: Tensor, ties: Ties) -> Tensor:
    """Transcribe the definition with one matrix over all pixels of all tiles."""
    k = probs.shape[1]
    places = [place for place in itertools.product(*(range(n) for n in mask.shape)) if mask[place]]
    affinity = torch.zeros(len(places), len(places), dtype=probs.dtype)
    for i, (b, y, x) in enumerate(places):
        for j, (c, v, u) in enumerate(places):
            squared = (y - v) ** 2 + (x - u) ** 2
            if b == c and squared <= ties.radius**2:
                difference = float(image[b, y, x] - image[c, v, u])
                affinity[i, j] = math.exp(-((difference / ties.brightness) ** 2) - squared / ties.distance**2)
    p = torch.stack([probs[b, :, y, x] for b, y, x in places])  # (N, K)
    degree = affinity.sum(dim=1)
    return k - sum((p[:, c] @ affinity @ p[:, c]) / (p[:, c] @ degree) for c in range(k))


def test_nc_1_the_right_classes_cut_nothing_whatever_their_names() -> None:
    assert cut([0, 0, 0, 0, 1, 1, 1, 1], 2) == pytest.approx(0, abs=1e-6)
    assert cut([1, 1, 1, 1, 0, 0, 0, 0], 2) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_nc_2_undecided_pixels_cut_all_but_one(n_classes: int) -> None:
    probs = torch.full((1, n_classes, 1, 8), 1 / n_classes, dtype=torch.float64)
    loss = soft_cut_loss(probs, TWO_GREYS, torch.ones_like(TWO_GREYS, dtype=torch.bool), BLOCKS)
    assert float(loss) == pytest.approx(n_classes - 1, abs=1e-6)


def test_nc_3_one_class_and_mixed_halves_cost_one() -> None:
    assert cut([0] * 8, 2) == pytest.approx(1, abs=1e-6)
    assert cut([0, 0, 1, 1, 0, 0, 1, 1], 2) == pytest.approx(1, abs=1e-6)


def test_nc_4_an_empty_class_costs_one() -> None:
    assert cut([0, 0, 0, 0, 1, 1, 1, 1], 3) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("n_tiles", [1, 2])
@pytest.mark.parametrize(("radius", "side"), [(5, 16), (2, 9), (5, 4)])
def test_nc_5_equals_the_dense_matrix(n_tiles: int, radius: int, side: int) -> None:
    generator = torch.Generator().manual_seed(0)
    shape = (n_tiles, side, side)
    logits = 2 * torch.randn((n_tiles, 3, side, side), generator=generator, dtype=torch.float64)
    probs = logits.softmax(dim=1)
    image = torch.randn(shape, generator=generator, dtype=torch.float64)
    mask = torch.rand(shape, generator=generator) > 0.2
    ties = Ties(radius, 0.8, 4.0)
    expected = dense_cut(probs, image, mask, ties)
    assert float(soft_cut_loss(probs, image, mask, ties)) == pytest.approx(float(expected), abs=1e-5)


def test_gradient_equals_that_of_the_dense_matrix() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn((2, 3, 6, 7), generator=generator, dtype=torch.float64, requires_grad=True)
    image = torch.randn((2, 6, 7), generator=generator, dtype=torch.float64)
    mask = torch.rand((2, 6, 7), generator=generator) > 0.2
    ours, theirs = (
        torch.autograd.grad(formula(logits.softmax(dim=1), image, mask, Ties()), logits)[0]
        for formula in (soft_cut_loss, dense_cut)
    )
    assert ours.abs().max() > 1e-3
    torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=1e-6)


def test_disc_of_radius_five_has_eighty_neighbours() -> None:
    # Of 11 x 11 pixels of one grey: the middle pixel alone in its class has ties to itself and 80 others.
    probs = torch.zeros(1, 2, 11, 11, dtype=torch.float64)
    probs[:, 0] = 1
    probs[:, :, 5, 5] = torch.tensor([0.0, 1.0])
    loss = soft_cut_loss(probs, torch.zeros(1, 11, 11), torch.ones(1, 11, 11, dtype=torch.bool), BLOCKS)
    inner = dense_cut(probs, torch.zeros(1, 11, 11), torch.ones(1, 11, 11, dtype=torch.bool), BLOCKS)
    assert float(loss) == pytest.approx(float(inner), abs=1e-6)
    assert float(loss) > 80 / 81


def test_a_class_without_ties_is_cut_whole() -> None:
    assert class_cuts(torch.tensor([0.0, 0.5]), torch.tensor([0.0, 1.0])).tolist() == pytest.approx([1.0, 0.5])


def batch_of(probs: Tensor, image: Tensor) -> StepBatch:
    mask = torch.ones(image.shape, dtype=torch.bool)
    return StepBatch((probs + 1e-12).log(), mask, sections=image[:, None])


@pytest.fixture
def halves() -> Tensor:
    """Give one section, dark on the left and bright on the right."""
    image = torch.zeros(1, 16, 16)
    image[:, :, 8:] = 10.0
    return image


def classes_of(labels: Tensor, n_classes: int = 2) -> Tensor:
    return torch.eye(n_classes)[labels].movedim(-1, 1)


def test_term_is_near_zero_at_the_border_of_grey_and_higher_elsewhere(halves: Tensor, state) -> None:
    term = SoftCut(blur=0)
    right, shifted = (classes_of((torch.arange(16) >= x).long().expand(1, 16, 16)) for x in (8, 11))
    at_border, beside = (float(term(batch_of(p, halves), state).loss) for p in (right, shifted))
    assert at_border == pytest.approx(0, abs=1e-5)
    assert beside > 0.02


@pytest.mark.parametrize("n_classes", [2, 20])
def test_term_at_both_collapses(halves: Tensor, state, n_classes: int) -> None:
    one = classes_of(torch.zeros(1, 16, 16, dtype=torch.int64), n_classes)
    undecided = torch.full_like(one, 1 / n_classes)
    for probs in (one, undecided):
        out = SoftCut()(batch_of(probs, halves), state)
        assert float(out.loss) == pytest.approx(1 - 1 / n_classes, abs=1e-4)
        assert out.logs["share_of_collapse"] == pytest.approx(1, abs=1e-4)


def test_value_hardly_depends_on_the_size_of_the_tile(state) -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.randn((1, 128, 128), generator=generator)
    probs = torch.randn((1, 4, 128, 128), generator=generator).softmax(dim=1)
    whole = SoftCut()(batch_of(probs, image), state).loss
    part = SoftCut()(batch_of(probs[..., :64, :64], image[..., :64, :64]), state).loss
    assert float(whole) == pytest.approx(float(part), abs=0.01)


def test_two_tiles_are_not_tied_to_each_other(halves: Tensor, state) -> None:
    # A class may be missing from one tile without cost, as long as another shows it.
    dark, bright = torch.zeros(1, 16, 16), torch.full((1, 16, 16), 10.0)
    labels = torch.stack([torch.zeros(16, 16), torch.ones(16, 16)]).long()
    loss = SoftCut()(batch_of(classes_of(labels), torch.cat([dark, bright])), state).loss
    assert float(loss) == pytest.approx(0, abs=1e-5)


def test_a_batch_without_a_valid_pixel_costs_nothing(halves: Tensor, state) -> None:
    probs = classes_of(torch.zeros(1, 16, 16, dtype=torch.int64))
    batch = batch_of(probs, halves)
    assert SoftCut()(StepBatch(batch.logits, ~batch.mask, sections=batch.sections), state).loss == 0
