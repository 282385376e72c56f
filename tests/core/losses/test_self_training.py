from __future__ import annotations

import math

import pytest
import torch

from napari_em_autoclass.core.losses.self_training import SelfTraining

WAYS = ["sure", "even"]


@pytest.mark.parametrize(
    ("way", "targets"),
    [("sure", [[0.9643, 0.0357], [0.4286, 0.5714]]), ("even", [[0.8386, 0.1614], [0.4641, 0.5359]])],
)
def test_value_worked_out_by_hand(flat_batch, state, way, targets) -> None:
    log_p = torch.tensor([[0.9, 0.1], [0.6, 0.4]]).log()
    expected = -float((torch.tensor(targets) * log_p).sum()) / 2
    assert float(SelfTraining(targets=way)(flat_batch(log_p), state).loss) == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("way", WAYS)
def test_is_zero_when_sure_and_ln_k_when_undecided(flat_batch, state, way) -> None:
    term = SelfTraining(targets=way)
    assert float(term(flat_batch(60 * torch.eye(20).repeat(3, 1)), state).loss) == pytest.approx(0, abs=1e-6)
    assert float(term(flat_batch(torch.zeros(30, 20)), state).loss) == pytest.approx(math.log(20), abs=1e-5)


def collapsed(size: float) -> torch.Tensor:
    return size * torch.eye(4)[torch.zeros(30, dtype=torch.long)]


def test_at_one_class_only_even_pulls_back(flat_batch, state) -> None:
    gradients = {}
    for way in WAYS:
        logits = collapsed(3.0).requires_grad_()
        SelfTraining(targets=way)(flat_batch(logits), state).loss.backward()
        gradients[way] = float(logits.grad[:, 0].sum())
    assert gradients["even"] > 0.1, "descending takes from the class that holds all"
    assert gradients["sure"] == pytest.approx(0, abs=1e-5), "a constant map is a fixed point of DEC"


def test_gradient_is_that_of_a_cross_entropy_with_fixed_targets(flat_batch, state) -> None:
    logits = torch.randn((20, 5), generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    SelfTraining(targets="sure")(flat_batch(logits), state).loss.backward()
    p = logits.detach().softmax(dim=1)
    raw = p**2 / p.sum(dim=0)
    targets = raw / raw.sum(dim=1, keepdim=True)
    torch.testing.assert_close(logits.grad, (p - targets) / 20)


def test_sure_costs_less_than_even(raw, state) -> None:
    sure, even = (SelfTraining(targets=way)(raw.batch(), state).loss for way in WAYS)
    assert sure < even
