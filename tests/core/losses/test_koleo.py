"""KoLeo; KOLEO-1 is the test vector of the methods reference."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.losses import StepBatch, TrainState
from napari_em_autoclass.core.losses.koleo import Koleo, koleo_loss


def draw(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn((n, d), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("k", [2, 20])
def test_koleo_1_unit_basis_vectors(k: int) -> None:
    assert float(koleo_loss(torch.eye(k, dtype=torch.float64))) == pytest.approx(-0.346574, abs=1e-6)


def test_two_opposite_rows_are_the_optimum() -> None:
    assert float(koleo_loss(torch.tensor([[3.0, 0.0], [-2.0, 0.0]]))) == pytest.approx(-math.log(2))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_same_rows_cost_the_log_of_the_least_distance_and_have_no_gradient(value: float) -> None:
    rows = torch.full((10, 4), value, requires_grad=True)
    loss = koleo_loss(rows)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(-math.log(1e-3), abs=1e-5)
    assert rows.grad is not None
    assert not rows.grad.any()


def test_equals_a_plain_loop() -> None:
    values = draw(30, 4)
    unit = [row / row.norm() for row in values]
    nearest = [min(float((a - b).norm()) for j, b in enumerate(unit) if i != j) for i, a in enumerate(unit)]
    assert float(koleo_loss(values)) == pytest.approx(-sum(map(math.log, nearest)) / 30)


def test_length_does_not_matter() -> None:
    torch.testing.assert_close(koleo_loss(draw(30, 4) * (1 + torch.arange(30)[:, None])), koleo_loss(draw(30, 4)))


def test_gradient_is_the_derivative() -> None:
    assert torch.autograd.gradcheck(koleo_loss, [draw(32, 5).requires_grad_()])


def test_gradient_of_neighbours_is_limited() -> None:
    # 1 / distance, and no distance below 0.001 counts.
    values = (torch.ones(2, 4, dtype=torch.float64) + 1e-3 * draw(2, 4)).requires_grad_()
    koleo_loss(values).backward()
    assert values.grad is not None
    assert 1 < float(values.grad.abs().max()) < 1000


def test_near_collapse_steps_downhill_spread_the_rows() -> None:
    values = torch.ones(40, 6, dtype=torch.float64) + 0.01 * draw(40, 6)
    before = koleo_loss(values)
    for _ in range(100):
        values.requires_grad_()
        (slope,) = torch.autograd.grad(koleo_loss(values), values)
        values = (values - 0.05 * slope).detach()
    assert koleo_loss(values) < before - 3


def batch_of(features: Tensor) -> StepBatch:
    b, _, h, w = features.shape
    return StepBatch(torch.zeros(b, 2, h, w), torch.ones(b, h, w, dtype=torch.bool), features)


@pytest.mark.parametrize(("apart", "n"), [(16, 1024), (8, 1024), (1, 50), (64, 1024)])
def test_places_are_as_far_apart_as_asked_for_and_no_more_than_asked_for(apart: int, n: int) -> None:
    features = torch.randn((2, 4, 48, 40), generator=torch.Generator().manual_seed(0)).requires_grad_()
    Koleo(apart_px=apart, n_pixels=n)(batch_of(features), TrainState(1, 0.5)).loss.backward()
    assert features.grad is not None
    tile, y, x = features.grad.abs().sum(dim=1).nonzero().T
    assert 2 <= len(y) <= n
    assert {len(set((axis % apart).tolist())) for axis in (y, x)} == {1}
    assert set(tile.tolist()) == {0, 1}


def test_places_are_others_at_each_step() -> None:
    batch = batch_of(torch.randn((2, 4, 48, 40), generator=torch.Generator().manual_seed(0)))
    assert len({float(Koleo()(batch, TrainState(step, 0.5)).loss) for step in range(4)}) == 4


def test_of_a_single_place_there_is_nothing_to_say() -> None:
    assert Koleo(apart_px=64)(batch_of(torch.ones(1, 4, 16, 16)), TrainState(1, 0.5)).loss == 0
