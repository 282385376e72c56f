"""Mutual information of class pairs; MI-1 to MI-6 are the test vectors of the methods reference.

The formula adds 1e-9 to each cell of the joint distribution (a gradient needs it), which moves the values by about
20e-9 per cell: 1e-5 at 20 classes.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.losses.mutual_information import (
    NeighbourInformation,
    ViewInformation,
    mutual_information_loss,
)


def sure(n_classes: int, repeats: int = 10) -> Tensor:
    return torch.eye(n_classes, dtype=torch.float64).repeat(repeats, 1)


def blurred(n_classes: int) -> Tensor:
    """Give rows with 0.9 for the own class and the rest spread over the others."""
    own = torch.eye(n_classes, dtype=torch.float64)
    return 0.9 * own + 0.1 / (n_classes - 1) * (1 - own)


def information(a: Tensor, b: Tensor) -> float:
    return -float(mutual_information_loss(a, b))


def plain_information(a: Tensor, b: Tensor) -> float:
    """Transcribe the definition, cell by cell, without the 1e-9."""
    n, k = a.shape
    joint = [
        [sum(float(a[i, r] * b[i, c] + a[i, c] * b[i, r]) for i in range(n)) / 2 / n for c in range(k)]
        for r in range(k)
    ]
    marginal = [sum(row) for row in joint]
    return sum(
        cell * math.log(cell / marginal[r] / marginal[c])
        for r, row in enumerate(joint)
        for c, cell in enumerate(row)
        if cell > 0
    )


@pytest.mark.parametrize("n_classes", [2, 10, 20, 50])
def test_mi_1_equal_sure_balanced_classes_give_ln_k(n_classes: int) -> None:
    pairs = sure(n_classes)
    assert information(pairs, pairs) == pytest.approx(math.log(n_classes), abs=2.5e-8 * n_classes**2)


def test_mi_2_marginal_weight_counts_the_marginals_twice() -> None:
    loss = mutual_information_loss(sure(20), sure(20), marginal_weight=1.5)
    assert float(loss) == pytest.approx(-5.991465, abs=2e-5)


def test_mi_3_sure_against_blurred() -> None:
    assert information(sure(20, 1), blurred(20)) == pytest.approx(2.376205, abs=1e-5)


def test_mi_4_blurred_against_itself() -> None:
    assert information(blurred(20), blurred(20)) == pytest.approx(1.952380, abs=1e-5)


def test_mi_5_undecided_pixels_share_nothing() -> None:
    uniform = torch.full((40, 20), 1 / 20, dtype=torch.float64)
    assert information(uniform, uniform) == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("n_classes", [2, 20])
def test_mi_5_equal_rows_share_nothing(n_classes: int) -> None:
    row = torch.linspace(1, 3, n_classes, dtype=torch.float64)
    rows = (row / row.sum()).expand(40, n_classes)
    assert information(rows, rows) == pytest.approx(0, abs=1e-8 * n_classes**2)


def test_mi_5_one_class_everywhere_shares_nothing() -> None:
    one = sure(20)[:1].expand(40, 20)
    assert information(one, one) == pytest.approx(0, abs=1e-5)


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    logits = 2 * torch.randn((50, 6), generator=generator, dtype=torch.float64)
    noise = torch.randn((50, 6), generator=generator, dtype=torch.float64)
    return logits.softmax(dim=1), (logits + noise).softmax(dim=1)


def test_mi_6_order_of_pixels_sides_and_classes_does_not_matter(pair: tuple[Tensor, Tensor]) -> None:
    a, b = pair
    expected = information(a, b)
    assert expected > 0.1
    generator = torch.Generator().manual_seed(2)
    pixels, classes = torch.randperm(50, generator=generator), torch.randperm(6, generator=generator)
    assert information(a[pixels], b[pixels]) == pytest.approx(expected, abs=1e-12)
    assert information(b, a) == pytest.approx(expected, abs=1e-12)
    assert information(a[:, classes], b[:, classes]) == pytest.approx(expected, abs=1e-12)


def test_pairing_matters(pair: tuple[Tensor, Tensor]) -> None:
    a, b = pair
    assert information(a, b.roll(1, dims=0)) < 0.5 * information(a, b)


def test_equals_a_plain_loop(pair: tuple[Tensor, Tensor]) -> None:
    assert information(*pair) == pytest.approx(plain_information(*pair), abs=1e-6)


def test_fewer_classes_in_use_share_less() -> None:
    values = [information(sure(8)[torch.arange(48) % n], sure(8)[torch.arange(48) % n]) for n in (8, 4, 2, 1)]
    assert values[0] > values[1] > values[2] > values[3]


@pytest.mark.parametrize(("a", "b"), [((4, 3), (4, 2)), ((4, 3), (5, 3)), ((1, 3, 2, 2), (1, 3, 2, 2))])
def test_tensors_that_are_not_paired_pixels_are_refused(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"one shape \(N, K\)"):
        mutual_information_loss(torch.ones(a), torch.ones(b))


TERMS = [(NeighbourInformation, "predicted_logits"), (ViewInformation, "view")]


@pytest.mark.parametrize(("term", "partner"), TERMS)
def test_terms_are_ln_k_below_zero_at_the_optimum_and_zero_at_collapse(flat_batch, state, term, partner: str) -> None:
    good, collapsed = 60 * torch.eye(20).repeat(4, 1), 60 * torch.eye(20)[:1].repeat(80, 1)
    at_optimum, at_collapse = (term()(flat_batch(x, **{partner: x}), state).loss for x in (good, collapsed))
    assert float(at_optimum) == pytest.approx(-math.log(20), abs=2e-5)
    assert float(at_collapse) == pytest.approx(0, abs=2e-5)


@pytest.mark.parametrize(("term", "partner"), TERMS)
def test_terms_read_their_own_partner_only(raw, state, term, partner: str) -> None:
    leaves = raw.leaves()
    term()(leaves.batch(), state).loss.backward()
    assert {name for name, value in leaves.values.items() if value.grad is not None} == {"logits", partner}


@pytest.mark.parametrize(("term", "partner"), TERMS)
def test_logs_the_share_of_the_maximum(flat_batch, state, term, partner: str) -> None:
    good = 60 * torch.eye(20).repeat(4, 1)
    logs = term()(flat_batch(good, **{partner: good}), state).logs
    assert logs["share_of_maximum"] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("term", "partner"), TERMS)
@pytest.mark.parametrize("weight", [0.4, 3.1])
def test_an_impossible_marginal_weight_is_refused(term, partner: str, weight: float) -> None:
    with pytest.raises(ValueError, match="marginal_weight"):
        term(marginal_weight=weight)
