from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.losses import StepBatch
from napari_em_autoclass.core.losses.forecast import Forecast


def batch_of(**forecasts: tuple[Tensor, Tensor]) -> StepBatch:
    return StepBatch(torch.zeros(1, 2, 4, 4), torch.ones(1, 4, 4, dtype=torch.bool), forecasts=forecasts)


def at(probability: float) -> tuple[Tensor, Tensor]:
    """Give one pixel whose texton is foretold with `probability`."""
    return torch.tensor([[probability, 1 - probability]]).log(), torch.tensor([0])


def test_value_worked_out_by_hand(state) -> None:
    batch = batch_of(own=at(0.5), near=at(0.8), far=at(0.4))
    expected = -(math.log(0.8) + math.log(0.4)) / 2 - 0.3 * math.log(0.5)
    assert float(Forecast(own_weight=0.3)(batch, state).loss) == pytest.approx(expected, abs=1e-6)


def test_neighbours_alone_are_their_mean(state) -> None:
    loss = Forecast()(batch_of(near=at(0.8), far=at(0.4)), state).loss
    assert float(loss) == pytest.approx(-(math.log(0.8) + math.log(0.4)) / 2, abs=1e-6)


def test_own_alone_keeps_its_weight(state) -> None:
    loss = Forecast(own_weight=0.3)(batch_of(own=at(0.5)), state).loss
    assert float(loss) == pytest.approx(0.3 * math.log(2), abs=1e-6)


def test_own_weight_zero_leaves_the_own_part_out(state) -> None:
    with_own, without = batch_of(own=at(0.01), near=at(0.8)), batch_of(near=at(0.8))
    term = Forecast(own_weight=0)
    assert term(with_own, state).loss == term(without, state).loss


def test_is_zero_for_perfect_foresight_and_ln_t_for_none(state) -> None:
    targets = torch.arange(7)
    perfect = Forecast()(batch_of(near=(60 * torch.eye(7), targets)), state).loss
    none = Forecast()(batch_of(near=(torch.zeros(7, 7), targets)), state).loss
    assert float(perfect) == pytest.approx(0, abs=1e-6)
    assert float(none) == pytest.approx(math.log(7), abs=1e-6)


def test_same_forecast_everywhere_costs_the_entropy_of_the_textons(state) -> None:
    # Collapsed forecasts are not rewarded: the best of them still costs H(textons).
    targets = torch.tensor([0, 0, 0, 1])
    logits = torch.tensor([0.75, 0.25]).log().expand(4, 2)
    loss = Forecast()(batch_of(near=(logits, targets)), state).loss
    assert float(loss) == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)), abs=1e-6)


def test_equals_a_plain_loop(raw, state) -> None:
    batch = raw.batch()

    def mean_cost(name: str) -> float:
        logits, targets = batch.forecasts[name]
        costs = [
            math.log(sum(math.exp(v) for v in row)) - row[t]
            for row, t in zip(logits.tolist(), targets.tolist(), strict=True)
        ]
        return sum(costs) / len(costs)

    expected = (mean_cost("near") + mean_cost("far")) / 2 + 0.3 * mean_cost("own")
    assert float(Forecast()(batch, state).loss) == pytest.approx(expected, rel=1e-5)


def test_logs_name_the_neighbours(raw, state) -> None:
    assert set(Forecast()(raw.batch(), state).logs) == {"near", "far"}


def test_a_good_forecast_costs_less_than_a_bad_one(state) -> None:
    costs = [float(Forecast()(batch_of(near=at(p)), state).loss) for p in (0.9, 0.5, 0.1)]
    assert costs == sorted(costs)
    assert costs[0] < costs[1] < costs[2]


@pytest.mark.parametrize("own_weight", [-0.1, 11])
def test_an_impossible_weight_is_refused(own_weight: float) -> None:
    with pytest.raises(ValueError, match="own_weight"):
        Forecast(own_weight=own_weight)


def test_neighbours_that_are_all_unknown_cost_nothing_and_move_nothing(state) -> None:
    logits = torch.zeros((3, 4), requires_grad=True)
    unknown = torch.full((3,), -100)
    loss = Forecast()(batch_of(near=(logits, unknown), far=at(0.4)), state).loss
    loss.backward()
    assert float(loss.detach()) == pytest.approx(-math.log(0.4) / 2, abs=1e-6)
    assert (logits.grad == 0).all()


def test_two_sections_foretold_alike_cost_as_much_as_both_by_themselves(state) -> None:
    torch.manual_seed(0)
    logits, textons = torch.randn(5, 4), torch.tensor([[0, 1, 2, 3, 0], [1, -100, 2, -100, 0]])
    together = Forecast()(batch_of(near=(logits, textons)), state).loss
    apart = Forecast()(batch_of(near=(torch.cat([logits, logits]), textons.flatten())), state).loss
    torch.testing.assert_close(together, apart)
