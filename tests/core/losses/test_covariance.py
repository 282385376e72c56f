"""The covariance term; VIC-1 to VIC-3 are the test vectors of the methods reference."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.losses.covariance import Covariance, covariance_loss
from napari_em_autoclass.core.losses.pairs import ActsOn


def draw(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn((n, d), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_vic_1_whitened_values_cost_nothing() -> None:
    centred = draw(10_000, 16)
    centred = centred - centred.mean(dim=0)
    assert covariance_loss(torch.linalg.qr(centred).Q * math.sqrt(9_999)) < 1e-25


def test_vic_2_constant_values_cost_nothing() -> None:
    assert covariance_loss(torch.full((50, 8), 3.0, dtype=torch.float64)) == 0


@pytest.mark.parametrize("n_classes", [10, 20, 50])
def test_vic_3_certain_balanced_classes(n_classes: int) -> None:
    n = 200 * n_classes
    loss = float(covariance_loss(torch.eye(n_classes, dtype=torch.float64).repeat(200, 1)))
    assert loss * ((n - 1) / n) ** 2 == pytest.approx((n_classes - 1) / n_classes**4)


def test_equals_numpy_in_a_plain_loop() -> None:
    values = draw(40, 5) @ draw(5, 5, seed=1)
    covariance = np.cov(values.T.numpy())
    expected = sum(covariance[i, j] ** 2 for i in range(5) for j in range(5) if i != j) / 5
    assert float(covariance_loss(values)) == pytest.approx(expected)


def test_copies_of_one_column_cost_all_but_one() -> None:
    column = draw(100, 1)
    assert float(covariance_loss((column / column.std()).expand(100, 6))) == pytest.approx(5)


def test_a_step_downhill_makes_copies_differ() -> None:
    values = (draw(64, 1) + 0.01 * draw(64, 4, seed=1)).requires_grad_()
    loss = covariance_loss(values)
    loss.backward()
    assert values.grad is not None
    assert covariance_loss(values - 0.1 * values.grad) < loss


@pytest.mark.parametrize("acts_on", get_args(ActsOn))
def test_gradient_is_the_derivative_whatever_it_acts_on(flat_batch, state, acts_on: ActsOn) -> None:
    term = Covariance(acts_on=acts_on, source="view")
    rows = [draw(32, 5, seed).requires_grad_() for seed in (1, 2)]
    assert torch.autograd.gradcheck(lambda ours, theirs: term(flat_batch(ours, view=theirs), state).loss, rows)


def test_sides_of_a_pair_are_summed(flat_batch, state) -> None:
    a, b = draw(30, 5, 1), 2 * draw(30, 5, 2)
    alone = [float(Covariance()(flat_batch(rows), state).loss) for rows in (a, b)]
    assert float(Covariance(source="view")(flat_batch(a, view=b), state).loss) == pytest.approx(sum(alone))


def test_value_of_vicreg_is_that_of_its_three_terms(flat_batch, state) -> None:
    # The published sum, written out: 25 times invariance, 25 times variance, once covariance.
    from napari_em_autoclass.core.losses.invariance import Invariance
    from napari_em_autoclass.core.losses.variance import Variance

    a, b = 0.5 * draw(30, 5, 1), 0.7 * draw(30, 5, 2)
    expected = 25 * float(((a - b) ** 2).mean())
    for side in (a, b):
        expected += 25 * float((1 - (side.var(dim=0) + 1e-4).sqrt()).clamp(min=0).mean()) / 2
        covariance = np.cov(side.T.numpy())
        expected += (covariance**2).sum() / 5 - (np.diag(covariance) ** 2).sum() / 5
    batch = flat_batch(a, view=b)
    terms = ((25, Invariance()), (25, Variance(source="view")), (1, Covariance(source="view")))
    assert sum(weight * float(term(batch, state).loss) for weight, term in terms) == pytest.approx(expected)
