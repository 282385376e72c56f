from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.losses import TrainState
from napari_em_autoclass.core.losses.sinkhorn import sinkhorn
from napari_em_autoclass.core.losses.swapped_assignment import SwappedAssignment

SOURCES = ["view", "turned", "neighbour", "predicted"]
EVEN = SwappedAssignment(prior_exponent=0)
USED = TrainState(10, 0.5, torch.tensor([0.7, 0.2, 0.1]))


UNEVEN = 4 * torch.eye(3)[torch.tensor([0] * 70 + [1] * 20 + [2] * 10)]
EXACT = EVEN.replace(iterations=50)


def part(source: str) -> str:
    return "predicted_logits" if source == "predicted" else source


def noisy(logits: Tensor, seed: int = 0) -> Tensor:
    return logits + torch.randn(logits.shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("source", SOURCES)
def test_is_zero_when_both_sides_are_sure_and_agree(flat_batch, state, source) -> None:
    good = 60 * torch.eye(20).repeat(4, 1)
    loss = EVEN.replace(source=source)(flat_batch(good, **{part(source): good}), state).loss
    assert float(loss) == pytest.approx(0, abs=1e-5)


def test_is_ln_k_when_undecided(flat_batch, state) -> None:
    same = torch.zeros(30, 20)
    assert float(EVEN(flat_batch(same, view=same), state).loss) == pytest.approx(math.log(20), abs=1e-5)


def test_at_one_class_everywhere_it_is_large_and_pulls_back(flat_batch, state) -> None:
    # Every other class gets its share of each pixel: 19/20 of 60 nats.
    one = (60 * torch.eye(20)[:1]).repeat(40, 1).requires_grad_()
    loss = EVEN(flat_batch(one, view=one.detach()), state).loss
    loss.backward()
    assert float(loss.detach()) == pytest.approx(60 * 19 / 20, rel=1e-4)
    assert (one.grad[:, 0] > 0).all()
    assert (one.grad[:, 1:] < 0).all()


@pytest.mark.parametrize("source", SOURCES)
def test_both_sides_learn_and_no_other(raw, state, source) -> None:
    leaves = raw.leaves()
    SwappedAssignment(source=source)(leaves.batch(), state).loss.backward()
    assert {name for name, value in leaves.values.items() if value.grad is not None} == {"logits", part(source)}


def test_equals_the_formula(flat_batch, state) -> None:
    ours, theirs = (noisy(torch.zeros(50, 4), seed).double() for seed in (1, 2))
    codes_a, codes_b = (sinkhorn(s, eps=0.3, iterations=4) for s in (ours, theirs))
    expected = -sum(
        float(codes_b[i, k] * ours.log_softmax(1)[i, k] + codes_a[i, k] * theirs.log_softmax(1)[i, k]) / 2 / 50
        for i in range(50)
        for k in range(4)
    )
    term = EVEN.replace(softness=0.3, iterations=4)
    assert float(term(flat_batch(ours, view=theirs), state).loss) == pytest.approx(expected, rel=1e-9)


def test_swapping_the_sides_does_not_matter(flat_batch, state) -> None:
    ours, theirs = noisy(torch.zeros(50, 4), 1), noisy(torch.zeros(50, 4), 2)
    a, b = (EVEN(flat_batch(x, view=y), state).loss for x, y in ((ours, theirs), (theirs, ours)))
    torch.testing.assert_close(a, b)


def test_gradient_is_that_of_fixed_codes(flat_batch, state) -> None:
    ours, theirs = (noisy(torch.zeros(50, 4), seed).double() for seed in (1, 2))
    leaf = ours.clone().requires_grad_()
    EVEN(flat_batch(leaf, view=theirs), state).loss.backward()
    torch.testing.assert_close(leaf.grad, (ours.softmax(dim=1) - sinkhorn(theirs)) / 2 / 50)


def test_agreement_costs_less_than_chance(flat_batch, state) -> None:
    clear = 5 * torch.eye(4).repeat(20, 1)
    costs = [
        float(EVEN(flat_batch(noisy(clear, 1), view=other), state).loss)
        for other in (noisy(clear, 1), noisy(clear, 2), noisy(clear, 2)[torch.randperm(80)])
    ]
    assert costs == sorted(costs)


def test_the_prior_lets_class_sizes_differ(flat_batch) -> None:
    # 70, 20 and 10 of 100 pixels, as the usage says: right if sizes of now are wanted, wrong if equal ones are.
    costs = [float(EXACT.replace(prior_exponent=a)(flat_batch(UNEVEN, view=UNEVEN), USED).loss) for a in (1, 0.5, 0)]
    assert costs == sorted(costs)
    assert costs[0] < 0.1 < 1 < costs[2]


def test_less_firmness_lets_class_sizes_differ_too(flat_batch) -> None:
    costs = [float(EXACT.replace(firmness=f)(flat_batch(UNEVEN, view=UNEVEN), USED).loss) for f in (0, 0.5, 0.9, 1)]
    assert costs == sorted(costs)
    assert costs[0] < 0.1 < 1 < costs[-1]


@pytest.mark.parametrize("change", [{"source": "masked"}, {"firmness": 1.1}, {"softness": 0}, {"iterations": 0}])
def test_impossible_settings_are_refused(change) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        EVEN.replace(**change)
