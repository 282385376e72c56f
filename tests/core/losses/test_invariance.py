"""The mean difference of paired features."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.losses.invariance import Distance, Invariance, invariance_loss

DISTANCES = get_args(Distance)


def draw(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn((n, d), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def one(difference: float, distance: Distance) -> float:
    """Return what one difference costs, by the definitions."""
    size = abs(difference)
    if distance == "mse":
        return size**2
    return size if distance == "l1" else (size**2 / 2 if size < 1 else size - 0.5)


@pytest.mark.parametrize("distance", DISTANCES)
def test_equals_a_plain_loop(distance: Distance) -> None:
    a, b = draw(30, 4, 1), draw(30, 4, 2)
    differences = [x - y for x, y in zip(a.flatten().tolist(), b.flatten().tolist(), strict=True)]
    assert min(map(abs, differences)) < 1 < max(map(abs, differences))
    expected = sum(one(difference, distance) for difference in differences) / 120
    assert float(invariance_loss(a, b, distance)) == pytest.approx(expected)


@pytest.mark.parametrize("distance", DISTANCES)
def test_equal_sides_cost_nothing_and_so_does_collapse(distance: Distance) -> None:
    assert invariance_loss(draw(30, 4), draw(30, 4), distance) == 0
    assert invariance_loss(torch.ones(9, 4), torch.ones(9, 4), distance) == 0


@pytest.mark.parametrize(("distance", "cost"), [("mse", 9.0), ("smooth_l1", 2.5), ("l1", 3.0)])
def test_a_constant_difference_costs_what_is_stated(distance: Distance, cost: float) -> None:
    assert invariance_loss(torch.zeros(9, 4), torch.full((9, 4), 3.0), distance) == cost


def test_unrelated_standardised_features_cost_two() -> None:
    assert float(invariance_loss(draw(20_000, 8, 1), draw(20_000, 8, 2))) == pytest.approx(2, abs=0.03)


def test_a_better_pairing_costs_less(flat_batch, state) -> None:
    a = draw(40, 5)
    values = [Invariance()(flat_batch(a, view=a + s * draw(40, 5, 1)), state).loss for s in (0.0, 0.1, 1.0)]
    assert values[0] == 0
    assert values[0] < values[1] < values[2]


@pytest.mark.parametrize("distance", DISTANCES)
def test_gradient_is_the_derivative_whatever_the_distance(flat_batch, state, distance: Distance) -> None:
    term = Invariance(distance=distance)
    rows = [draw(32, 5, seed).requires_grad_() for seed in (1, 2)]
    assert torch.autograd.gradcheck(lambda ours, theirs: term(flat_batch(ours, view=theirs), state).loss, rows)


@pytest.mark.parametrize("source", ["view", "turned", "neighbour", "match", "teacher", "teacher_neighbour"])
def test_the_other_side_is_the_one_asked_for(raw, state, source) -> None:
    leaves = raw.leaves()
    Invariance(source=source)(leaves.batch(), state).loss.backward()
    reached = {name for name, value in leaves.values.items() if value.grad is not None}
    other = "neighbour" if source == "match" else source
    assert reached == {"features", f"{other}_features"}
    assert Invariance(source=source).parts() == {other}
