"""The Barlow Twins term; BT-1 to BT-3 are the test vectors of the methods reference."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.losses.cross_correlation import CrossCorrelation, correlation_loss, cross_correlation
from napari_em_autoclass.core.losses.pairs import ActsOn


def draw(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn((n, d), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def whitened(n: int, d: int) -> Tensor:
    centred = draw(n, d)
    centred = centred - centred.mean(dim=0)
    return torch.linalg.qr(centred).Q * math.sqrt(n)


def sums(a: Tensor, b: Tensor) -> tuple[float, float]:
    """Return the published sums over the diagonal and over the rest."""
    loss, d = correlation_loss(cross_correlation(a, b)), a.shape[1]
    return float(loss.diagonal) * d, float(loss.others) * d * (d - 1)


def test_bt_1_equal_whitened_sides_cost_nothing() -> None:
    diagonal, others = sums(whitened(10_000, 16), whitened(10_000, 16))
    assert diagonal < 1e-8
    assert others < 1e-25


def test_bt_2_certain_balanced_classes_keep_a_remainder() -> None:
    classes = torch.eye(20, dtype=torch.float64).repeat(200, 1)
    diagonal, others = sums(classes, classes)
    assert diagonal < 1e-6
    # Lower by some 1e-5 / 0.0475, since that is added to the variances.
    assert others == pytest.approx(20 / 19, rel=1e-3)
    assert others == pytest.approx(1.0526, abs=1e-3)


def test_bt_3_constant_sides_cost_the_whole_diagonal() -> None:
    same = torch.full((50, 8), 3.0, dtype=torch.float64)
    assert sums(same, same) == (8, 0)


def test_correlations_are_those_of_numpy() -> None:
    a, b = draw(60, 4, 1), draw(60, 4, 1) + draw(60, 4, 2)
    expected = np.corrcoef(a.T.numpy(), b.T.numpy())[:4, 4:]
    np.testing.assert_allclose(cross_correlation(a, b).numpy(), expected, atol=2e-5)


def test_term_is_the_published_sum_over_d(flat_batch, state) -> None:
    a, b = draw(60, 5, 1), draw(60, 5, 1) + draw(60, 5, 2)
    c = np.corrcoef(a.T.numpy(), b.T.numpy())[:5, 5:]
    published = sum((1 - c[i, j]) ** 2 if i == j else 0.01 * c[i, j] ** 2 for i in range(5) for j in range(5))
    loss = CrossCorrelation(redundancy=0.01)(flat_batch(a, view=b), state).loss
    assert float(loss) == pytest.approx(published / 5, abs=1e-4)


def test_is_one_at_collapse(flat_batch, state) -> None:
    same = torch.full((50, 8), 3.0, dtype=torch.float64)
    assert CrossCorrelation()(flat_batch(same, view=same), state).loss == 1


@pytest.mark.parametrize("scale", [0.1, 100.0])
def test_scale_and_offset_of_a_feature_do_not_matter(scale: float) -> None:
    a, b = draw(200, 4, 1), draw(200, 4, 1) + draw(200, 4, 2)
    torch.testing.assert_close(cross_correlation(scale * a + 3, b - 7), cross_correlation(a, b), rtol=0, atol=1e-3)


def test_value_does_not_grow_with_the_number_of_unrelated_features(flat_batch, state) -> None:
    values = []
    for d in (8, 64):
        a, b = draw(2000, d, 1), draw(2000, d, 1) + draw(2000, d, 2)
        values.append(float(CrossCorrelation()(flat_batch(a, view=b), state).loss))
    assert values[1] == pytest.approx(values[0], rel=0.05)


def test_copies_of_one_feature_cost_more_than_different_ones(flat_batch, state) -> None:
    good, copies = whitened(64, 6), whitened(64, 6)[:, :1].expand(64, 6)
    values = [CrossCorrelation()(flat_batch(rows, view=rows), state).loss for rows in (good, copies)]
    assert float(values[0]) == pytest.approx(0, abs=1e-8)
    assert float(values[1]) == pytest.approx(0.0051 * 5, rel=1e-3)


def test_near_collapse_a_step_downhill_brings_the_sides_together() -> None:
    a, b = (1e-3 * draw(64, 4, 1)).requires_grad_(), 1e-3 * draw(64, 4, 1) + 1e-3 * draw(64, 4, 2)
    before = correlation_loss(cross_correlation(a, b)).diagonal
    before.backward()
    assert a.grad is not None
    assert float(a.grad.abs().max()) > 1e-3
    assert correlation_loss(cross_correlation(a - 1e-5 * a.grad, b)).diagonal < before


@pytest.mark.parametrize("acts_on", get_args(ActsOn))
def test_gradient_is_the_derivative_whatever_it_acts_on(flat_batch, state, acts_on: ActsOn) -> None:
    term = CrossCorrelation(acts_on=acts_on)
    rows = [draw(32, 5, seed).requires_grad_() for seed in (1, 2)]
    assert torch.autograd.gradcheck(lambda ours, theirs: term(flat_batch(ours, view=theirs), state).loss, rows)


def test_of_a_single_feature_there_are_no_others() -> None:
    assert sums(draw(30, 1), draw(30, 1))[1] == 0
