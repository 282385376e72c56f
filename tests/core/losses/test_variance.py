"""The variance term; VIC-1 to VIC-3 are the test vectors of the methods reference."""

from __future__ import annotations

import math
import statistics
from typing import get_args

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.losses.pairs import ActsOn
from napari_em_autoclass.core.losses.variance import Variance, variance_loss


def draw(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn((n, d), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def whitened(n: int, d: int) -> Tensor:
    """Give rows with mean 0 and covariance (over n - 1) exactly the identity."""
    centred = draw(n, d)
    centred = centred - centred.mean(dim=0)
    return torch.linalg.qr(centred).Q * math.sqrt(n - 1)


def test_vic_1_whitened_values_cost_nothing() -> None:
    assert variance_loss(whitened(10_000, 16)) == 0


def test_vic_2_constant_values_cost_nearly_all() -> None:
    assert float(variance_loss(torch.full((50, 8), 3.0, dtype=torch.float64))) == pytest.approx(0.99)


@pytest.mark.parametrize(("n_classes", "deviation"), [(10, 0.3000), (20, 0.2179), (50, 0.1400)])
def test_vic_3_certain_balanced_classes_deviate_by_little(n_classes: int, deviation: float) -> None:
    n = 200 * n_classes
    loss = float(variance_loss(torch.eye(n_classes, dtype=torch.float64).repeat(200, 1)))
    of_all = math.sqrt(((1 - loss) ** 2 - 1e-4) * (n - 1) / n)
    assert of_all == pytest.approx(math.sqrt(n_classes - 1) / n_classes, abs=1e-9)
    assert of_all == pytest.approx(deviation, abs=5e-5)


def test_equals_a_plain_loop() -> None:
    values = draw(40, 5) * torch.tensor([0.1, 0.5, 0.9, 1.5, 3.0])
    short = [max(0, 1.2 - math.sqrt(statistics.variance(column) + 1e-4)) for column in values.T.tolist()]
    assert float(variance_loss(values, 1.2)) == pytest.approx(sum(short) / 5)


def test_near_collapse_a_step_downhill_spreads_the_values() -> None:
    values = (1e-3 * draw(64, 4)).requires_grad_()
    variance_loss(values).backward()
    assert values.grad is not None
    assert variance_loss(values - values.grad) < variance_loss(values)
    assert float(values.grad.abs().max()) > 1e-5


@pytest.mark.parametrize("acts_on", get_args(ActsOn))
def test_gradient_is_the_derivative_whatever_it_acts_on(flat_batch, state, acts_on: ActsOn) -> None:
    term = Variance(acts_on=acts_on, source="view")

    def value(ours: Tensor, theirs: Tensor) -> Tensor:
        return term(flat_batch(0.3 * ours, view=0.3 * theirs), state).loss

    rows = [draw(32, 5, seed).requires_grad_() for seed in (1, 2)]
    assert value(*rows) > 0
    assert torch.autograd.gradcheck(value, rows)


def test_both_sides_of_a_pair_count_the_same(flat_batch, state) -> None:
    a, b = 0.5 * draw(30, 5, 1), 0.2 * draw(30, 5, 2)
    alone = [float(Variance()(flat_batch(rows), state).loss) for rows in (a, b)]
    assert alone[0] < alone[1]
    both = Variance(source="view")(flat_batch(a, view=b), state).loss
    assert float(both) == pytest.approx(sum(alone) / 2)


def test_certain_balanced_classes_are_the_optimum_on_probabilities(flat_batch, state) -> None:
    term = Variance(acts_on="probabilities")
    good, one, undecided = 60 * torch.eye(20).repeat(4, 1), torch.zeros(80, 20), torch.zeros(80, 20)
    one[:, 3] = 60
    assert term(flat_batch(good), state).loss == 0
    wanted = 0.7 * math.sqrt(19) / 20
    assert float(term(flat_batch(one), state).loss) == pytest.approx(wanted - 0.01, abs=1e-6)
    assert float(term(flat_batch(undecided), state).loss) == pytest.approx(wanted - 0.01, abs=1e-6)
    assert float(term.replace(wanted=2.0)(flat_batch(one), state).loss) == pytest.approx(2 * wanted - 0.01, abs=1e-6)


def test_fewer_classes_in_use_cost_more(flat_batch, state) -> None:
    term = Variance(acts_on="logits")
    values = [float(term(flat_batch(4 * torch.eye(8)[torch.arange(48) % n]), state).loss) for n in (8, 4, 2, 1)]
    assert values == sorted(values)
    assert values[0] == 0
    assert values[-1] == pytest.approx(0.99)


def test_a_part_of_the_pixels_gives_about_the_same(raw, state) -> None:
    few, all_of_them = (Variance(wanted=3.0, n_pixels=n)(raw.batch(), state).loss for n in (300, 4096))
    assert few != all_of_them
    assert float(few) == pytest.approx(float(all_of_them), rel=0.05)
