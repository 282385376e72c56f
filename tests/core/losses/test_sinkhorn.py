"""Assignments with wanted class sizes; SK-1 to SK-7 are the test vectors of the methods reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.losses.sinkhorn import prior_from_usage, sinkhorn


def drawn(n: int = 4096, k: int = 20, seed: int = 0) -> Tensor:
    return torch.randn((n, k), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


FOUR = torch.tensor([[2.0, 0], [1, 0], [0, 0], [-1, 0]], dtype=torch.float64)


def plain_sinkhorn(scores: Tensor, prior: Tensor, eps: float, iterations: int) -> Tensor:
    """Scale the exponential by turns, as the papers write it, column by column and row by row."""
    table = np.exp(scores.numpy() / eps)
    for _ in range(iterations):
        for row in table:
            row /= row.sum()
        for column, wanted in zip(table.T, prior.tolist(), strict=True):
            column *= wanted * len(table) / column.sum()
    for row in table:
        row /= row.sum()
    return torch.from_numpy(table)


@pytest.mark.parametrize("eps", [0.01, 0.05, 0.5, 5.0])
def test_sk_1_every_row_sums_to_one(eps: float) -> None:
    scores = drawn()
    assert (sinkhorn(scores, eps=eps).sum(dim=1) - 1).abs().max() < 1e-12
    assert (sinkhorn(scores.float(), eps=eps).sum(dim=1) - 1).abs().max() < 1e-5


def test_sk_2_classes_are_equal_after_ten_iterations_at_eps_1() -> None:
    sizes = sinkhorn(drawn(), eps=1, iterations=10).sum(dim=0)
    assert (sizes / (4096 / 20) - 1).abs().max() < 1e-9


def test_sk_3_equal_rows_stay_undecided() -> None:
    codes = sinkhorn(torch.tensor([[1.0, 0.0]]).repeat(30, 1))
    torch.testing.assert_close(codes, torch.full((30, 2), 0.5))


def test_sk_4_four_pixels_converged() -> None:
    expected = torch.tensor([[0.8176, 0.1824], [0.6225, 0.3775], [0.3775, 0.6225], [0.1824, 0.8176]])
    torch.testing.assert_close(sinkhorn(FOUR, eps=1, iterations=200).float(), expected, atol=5e-5, rtol=0)


def test_sk_5_four_pixels_sure() -> None:
    assert sinkhorn(FOUR, eps=0.05, iterations=50).argmax(dim=1).tolist() == [0, 0, 1, 1]


def test_sk_6_constants_of_rows_and_columns_do_not_matter() -> None:
    scores = drawn(200, 4)
    expected = sinkhorn(scores, eps=1, iterations=200)
    for shifted in (scores + drawn(200, 1, seed=1), scores + drawn(1, 4, seed=2)):
        torch.testing.assert_close(sinkhorn(shifted, eps=1, iterations=200), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("size", [1.0, 10.0, 50.0, 1e3, 1e4])
def test_sk_7_scores_of_any_size_are_safe_in_float32(size: float) -> None:
    codes = sinkhorn(size * drawn().float(), eps=0.05)
    assert codes.dtype == torch.float32
    assert torch.isfinite(codes).all()
    assert (codes.sum(dim=1) - 1).abs().max() < 1e-5


@pytest.mark.parametrize("size", [0.5, 4.0, 40.0, 400.0], ids=["float32", "float64", "logarithms", "far out"])
def test_each_way_of_computing_gives_the_same(size: float) -> None:
    scores = size * drawn(500, 6)
    prior = torch.arange(1.0, 7.0, dtype=torch.float64)
    expected = sinkhorn(scores, prior, iterations=7)
    atol = 2e-6 if size < 100 else 2e-3  # float32 has 24 bits, of which the integer part takes 10
    torch.testing.assert_close(sinkhorn(scores.float(), prior, iterations=7).double(), expected, atol=atol, rtol=0)


def test_equals_plain_scaling_by_turns() -> None:
    scores, prior = drawn(60, 5), torch.tensor([0.4, 0.3, 0.1, 0.1, 0.1], dtype=torch.float64)
    for iterations in (1, 3, 10):
        expected = plain_sinkhorn(scores, prior, 0.5, iterations)
        torch.testing.assert_close(sinkhorn(scores, prior, eps=0.5, iterations=iterations), expected)


@pytest.mark.parametrize("eps", [0.2, 1.0])
@pytest.mark.parametrize("size", [1.0, 200.0], ids=["exponential", "logarithms"])
def test_equals_pot(eps: float, size: float) -> None:
    ot = pytest.importorskip("ot")
    scores, eps = size * drawn(80, 5), size * eps
    prior = torch.tensor([0.5, 0.2, 0.1, 0.1, 0.1], dtype=torch.float64)
    rows = torch.full((80,), 1 / 80, dtype=torch.float64)
    expected = 80 * ot.sinkhorn(rows, prior, -scores, eps, method="sinkhorn_log", numItermax=5000, stopThr=1e-13)
    torch.testing.assert_close(sinkhorn(scores, prior, eps=eps, iterations=2000), expected, atol=1e-8, rtol=0)


@pytest.mark.parametrize("rho", [0.05, 0.5, 5.0])
@pytest.mark.parametrize("size", [1.0, 200.0], ids=["exponential", "logarithms"])
def test_equals_pot_where_sizes_may_give_way(rho: float, size: float) -> None:
    ot = pytest.importorskip("ot")
    scores, eps, rho = size * drawn(80, 5), size * 0.5, size * rho
    prior = torch.tensor([0.5, 0.2, 0.1, 0.1, 0.1], dtype=torch.float64)
    rows = torch.full((80,), 1 / 80, dtype=torch.float64)
    expected = 80 * ot.unbalanced.sinkhorn_unbalanced(
        rows,
        prior,
        -scores,
        eps,
        (math.inf, rho),
        method="sinkhorn_stabilized",
        c=torch.ones_like(scores),
        numItermax=5000,
        stopThr=1e-13,
    )
    got = sinkhorn(scores, prior, eps=eps, iterations=2000, rho=rho)
    torch.testing.assert_close(got, torch.as_tensor(expected), atol=1e-7, rtol=0)


def test_sizes_follow_the_prior() -> None:
    prior = torch.tensor([0.7, 0.2, 0.06, 0.04])
    sizes = sinkhorn(drawn(2000, 4), prior, iterations=50).mean(dim=0)
    torch.testing.assert_close(sizes, prior.double(), atol=1e-6, rtol=0)


def test_rho_goes_from_plain_softmax_to_the_wanted_sizes() -> None:
    scores = drawn(2000, 4) + torch.tensor([2.0, 1, 0, 0])
    worst = [
        float((sinkhorn(scores, iterations=100, rho=rho).mean(dim=0) - 0.25).abs().max())
        for rho in (0.0, 0.1, 1.0, 10.0, None)
    ]
    assert worst == sorted(worst, reverse=True)
    assert worst[-1] < 1e-6 < worst[-2]
    torch.testing.assert_close(sinkhorn(scores, rho=0.0), (scores / 0.5).softmax(dim=1))


def test_no_gradient_passes() -> None:
    assert not sinkhorn(drawn(10, 3).requires_grad_()).requires_grad


@pytest.mark.parametrize("shape", [(0, 3), (3,), (1, 3, 2)])
def test_scores_that_are_not_rows_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"scores \(N, K\)"):
        sinkhorn(torch.zeros(shape))


@pytest.mark.parametrize("prior", [[1.0, 1.0], [1.0, 0.0, 1.0], [1.0, -1.0, 1.0], [1.0, float("nan"), 1.0]])
def test_a_prior_that_is_not_positive_is_refused(prior: list[float]) -> None:
    with pytest.raises(ValueError, match="3 positive shares"):
        sinkhorn(torch.zeros(4, 3), torch.tensor(prior))


def test_a_prior_lies_between_equal_sizes_and_those_of_now() -> None:
    usage = torch.tensor([0.81, 0.16, 0.03, 0.0])
    torch.testing.assert_close(prior_from_usage(usage, 0), torch.full((4,), 0.25))
    torch.testing.assert_close(prior_from_usage(usage, 1), usage, atol=1e-3, rtol=0)
    half = prior_from_usage(usage, 0.5)
    assert float(half[0] / half[1]) == pytest.approx(0.9 / 0.4, rel=1e-2)
    assert float(half.sum()) == pytest.approx(1)
    assert (prior_from_usage(usage, 1) > 0).all(), "an unused class must be able to come back"
