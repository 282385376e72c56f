from __future__ import annotations

import math

import pytest
import torch

from napari_em_autoclass.core.losses import TrainState
from napari_em_autoclass.core.losses.balance import Balance
from napari_em_autoclass.core.losses.sinkhorn import prior_from_usage

FULL = Balance(min_used=1)


def test_value_worked_out_by_hand(flat_batch, state) -> None:
    # Usage (0.6, 0.4): ln 2 - 0.673012.
    logits = torch.tensor([[0.9, 0.1], [0.3, 0.7]]).log()
    assert float(FULL(flat_batch(logits), state).loss) == pytest.approx(0.020136, abs=1e-6)


@pytest.mark.parametrize("n_classes", [2, 10, 20, 50])
def test_is_ln_k_when_one_class_holds_all(flat_batch, state, n_classes: int) -> None:
    logits = 60 * torch.eye(n_classes)[torch.zeros(30, dtype=torch.long)]
    assert float(FULL(flat_batch(logits), state).loss) == pytest.approx(math.log(n_classes), abs=3e-6)


@pytest.mark.parametrize("min_used", [0.25, 0.5, 1.0])
def test_is_ln_of_the_classes_wanted_when_one_class_holds_all(flat_batch, state, min_used: float) -> None:
    logits = 60 * torch.eye(20)[torch.zeros(30, dtype=torch.long)]
    loss = Balance(min_used=min_used)(flat_batch(logits), state).loss
    assert float(loss) == pytest.approx(math.log(20 * min_used), abs=1e-6)


@pytest.mark.parametrize("size", [0.0, 60.0])
def test_is_zero_when_classes_are_used_equally_sure_or_not(flat_batch, state, size: float) -> None:
    logits = size * torch.eye(20).repeat(3, 1)
    assert float(FULL(flat_batch(logits), state).loss) == pytest.approx(0, abs=1e-6)


def test_rests_while_enough_classes_are_in_use(flat_batch, state) -> None:
    # 12 of 20 classes; half of them would do.
    logits = (60 * torch.eye(20)[:12].repeat(2, 1)).requires_grad_()
    loss = Balance(min_used=0.5)(flat_batch(logits), state).loss
    loss.backward()
    assert loss == 0
    assert not logits.grad.any()


def test_acts_when_too_few_classes_are_in_use(flat_batch, state) -> None:
    logits = 60 * torch.eye(20)[:5].repeat(2, 1)
    assert float(Balance(min_used=0.5)(flat_batch(logits), state).loss) == pytest.approx(math.log(10 / 5), abs=1e-6)


def test_equals_a_plain_loop(raw, state) -> None:
    batch = raw.batch()
    pixels = torch.nonzero(batch.mask).tolist()
    usage = [0.0] * 5
    for tile, row, column in pixels:
        weights = [math.exp(value) for value in batch.logits[tile, :, row, column].tolist()]
        for k in range(5):
            usage[k] += weights[k] / sum(weights) / len(pixels)
    expected = math.log(5) + sum(m * math.log(m) for m in usage)
    assert float(FULL(batch, state).loss) == pytest.approx(expected, rel=1e-4)


def test_gradient_is_finite_when_a_class_is_far_from_every_pixel(flat_batch, state) -> None:
    # Beyond 104 below the others a probability in float32 is exactly 0, and ln 0 has no gradient.
    logits = torch.zeros(10, 4)
    logits[:, 0] = 200
    logits.requires_grad_()
    FULL(flat_batch(logits), state).loss.backward()
    assert torch.isfinite(logits.grad).all()


def test_is_of_the_batch_and_not_of_each_tile(flat_batch, state) -> None:
    from napari_em_autoclass.core.losses import StepBatch

    # Each tile shows one class, the batch shows both equally: a tile need not show every class.
    logits = torch.zeros(2, 2, 3, 3)
    logits[0, 0] = logits[1, 1] = 60
    assert float(FULL(StepBatch(logits, torch.ones(2, 3, 3, dtype=torch.bool)), state).loss) == pytest.approx(
        0, abs=1e-6
    )


def test_more_equal_use_costs_less(flat_batch, state) -> None:
    def cost(n_used: int) -> float:
        return float(FULL(flat_batch(60 * torch.eye(8)[torch.arange(48) % n_used]), state).loss)

    costs = [cost(n) for n in (8, 4, 2, 1)]
    assert costs == sorted(costs)
    assert costs[0] < costs[1] < costs[2] < costs[3]


@pytest.mark.parametrize("min_used", [0, -1, 1.5])
def test_an_impossible_share_is_refused(min_used: float) -> None:
    with pytest.raises(ValueError, match="min_used"):
        Balance(min_used=min_used)


# --- with a prior ----------------------------------------------------------------------------------------------------


def used(*shares: float) -> TrainState:
    return TrainState(10, 0.5, torch.tensor(shares))


def test_divergence_from_a_prior_worked_out_by_hand(flat_batch) -> None:
    # Usage (0.6, 0.4) against (0.81, 0.19) ** 0.5, made to sum to 1: (0.67370, 0.32630).
    logits = torch.tensor([[0.9, 0.1], [0.3, 0.7]]).log()
    expected = 0.6 * math.log(0.6 / 0.67370) + 0.4 * math.log(0.4 / 0.32630)
    loss = FULL.replace(prior_exponent=0.5)(flat_batch(logits), used(0.81, 0.19)).loss
    assert float(loss) == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("exponent", [0.3, 0.7, 1.0])
def test_is_zero_where_classes_have_the_wanted_sizes(flat_batch, exponent: float) -> None:
    shares = torch.tensor([0.7, 0.2, 0.1])
    wanted = prior_from_usage(shares, exponent)
    loss = FULL.replace(prior_exponent=exponent)(flat_batch(wanted.log().repeat(5, 1)), used(*shares.tolist())).loss
    assert float(loss) == pytest.approx(0, abs=1e-6)


def test_a_higher_exponent_asks_less_of_uneven_classes(flat_batch) -> None:
    shares = [0.7, 0.2, 0.1]
    batch = flat_batch(torch.tensor(shares).log().repeat(5, 1))
    costs = [float(FULL.replace(prior_exponent=a)(batch, used(*shares)).loss) for a in (1, 0.7, 0.3, 1e-6, 0)]
    assert costs == pytest.approx(sorted(costs), abs=1e-5)
    assert costs[-2] == pytest.approx(costs[-1], abs=1e-5)


def test_with_a_prior_one_class_everywhere_still_costs(flat_batch) -> None:
    logits = (20 * torch.eye(20)[torch.zeros(30, dtype=torch.long)]).requires_grad_()
    loss = FULL.replace(prior_exponent=0.5)(flat_batch(logits), used(*[0.81] + [0.01] * 19)).loss
    loss.backward()
    assert float(loss.detach()) > 0.5
    assert torch.isfinite(logits.grad).all()


def test_a_prior_needs_no_usage_of_before(flat_batch, state) -> None:
    logits = torch.tensor([[0.9, 0.1], [0.3, 0.7]]).log()
    assert FULL.replace(prior_exponent=0.5)(flat_batch(logits), state).loss > 0
