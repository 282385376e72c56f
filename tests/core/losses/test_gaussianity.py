"""SIGReg; SIG-1 to SIG-4 are the test vectors of the methods reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch import Tensor

from napari_em_autoclass.core.losses import TrainState
from napari_em_autoclass.core.losses.gaussianity import Gaussianity, gaussianity_loss


def draw(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn((n, d), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def directions(d: int, m: int, seed: int = 100) -> Tensor:
    drawn = draw(d, m, seed)
    return drawn / drawn.norm(dim=0)


def test_sig_1_zeros() -> None:
    zeros = torch.zeros(7, 3, dtype=torch.float64)
    assert float(gaussianity_loss(zeros, directions(3, 5))) == pytest.approx(0.40205, abs=5e-6)


def test_sig_1_knots_are_close_to_the_integral() -> None:
    exact = 2 * quad(lambda t: math.exp(-t * t / 2) * (1 - math.exp(-t * t / 2)) ** 2, 0, 3)[0]
    assert exact == pytest.approx(0.402234, abs=1e-6)
    assert float(gaussianity_loss(torch.zeros(1, 1), torch.ones(1, 1))) == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("n", [64, 1024])
def test_sig_2_normal_values(n: int) -> None:
    times_n = [n * float(gaussianity_loss(draw(n, 16, seed), directions(16, 64, 100 + seed))) for seed in range(40)]
    assert np.mean(times_n) == pytest.approx(1.05, abs=0.15)


def test_sig_3_values_of_half_the_scale() -> None:
    assert 4096 * float(gaussianity_loss(0.5 * draw(4096, 16), directions(16, 64))) > 500


def test_sig_4_turning_the_values_changes_little() -> None:
    values = draw(100, 6) * torch.tensor([0.2, 0.5, 1, 1, 2, 3])
    turn = torch.linalg.qr(draw(6, 6, seed=5)).Q
    many = directions(6, 3000)
    there = float(gaussianity_loss(values @ turn, many))
    assert there == pytest.approx(float(gaussianity_loss(values, many)), rel=0.02)
    assert there == pytest.approx(float(gaussianity_loss(values, turn @ many)), rel=1e-9)


def test_equals_a_plain_loop() -> None:
    values, along = draw(20, 3), directions(3, 4)
    total = 0.0
    for m in range(4):
        x = [float(row @ along[:, m]) for row in values]
        for j in range(17):
            t = 3 * j / 16
            width = 3 / 16 * (0.5 if j in (0, 16) else 1)
            cosine = sum(math.cos(t * v) for v in x) / 20 - math.exp(-t * t / 2)
            sine = sum(math.sin(t * v) for v in x) / 20
            total += 2 * width * math.exp(-t * t / 2) * (cosine**2 + sine**2)
    assert float(gaussianity_loss(values, along)) == pytest.approx(total / 4)


def test_normal_values_cost_less_than_collapsed_copied_or_scaled_ones() -> None:
    good, along = draw(1000, 8), directions(8, 64)
    copied = good[:, :1].expand(1000, 8)
    bad = [torch.zeros_like(good), copied, 0.5 * good, 2 * good, good + 1]
    assert all(gaussianity_loss(good, along) < 0.1 * gaussianity_loss(values, along) for values in bad)


def test_near_collapse_steps_downhill_spread_the_values() -> None:
    values, along = 0.01 * draw(200, 4), directions(4, 64)
    for _ in range(200):
        values.requires_grad_()
        (slope,) = torch.autograd.grad(gaussianity_loss(values, along), values)
        values = (values - 100 * slope).detach()
    assert float(values.std()) == pytest.approx(1, abs=0.1)
    assert gaussianity_loss(values, along) < 0.01


def test_value_does_not_grow_with_pixels_or_width() -> None:
    values = [
        float(gaussianity_loss(0.5 * draw(n, d), directions(d, 256))) for n, d in ((500, 8), (4000, 8), (500, 64))
    ]
    assert values == pytest.approx([values[0]] * 3, rel=0.1)


def test_gradient_is_the_derivative(flat_batch, state) -> None:
    rows = [draw(32, 5, seed).requires_grad_() for seed in (1, 2)]
    term = Gaussianity(source="view", n_directions=8)
    assert torch.autograd.gradcheck(lambda ours, theirs: term(flat_batch(ours, view=theirs), state).loss, rows)


def test_directions_are_drawn_anew_at_each_step(flat_batch) -> None:
    batch = flat_batch(draw(50, 5) * torch.arange(5))
    term = Gaussianity(n_directions=2)
    values = {float(term(batch, TrainState(step, 0.5)).loss) for step in (1, 2, 3, 3)}
    assert len(values) == 3


def test_reads_features_alone_or_both_sides(flat_batch, state) -> None:
    a, b = draw(50, 5, 1), 0.3 * draw(50, 5, 2)
    assert Gaussianity().parts() == frozenset()
    alone = [float(Gaussianity()(flat_batch(rows), state).loss) for rows in (a, b)]
    both = Gaussianity(source="view")(flat_batch(a, view=b), state).loss
    assert float(both) == pytest.approx(sum(alone) / 2)
