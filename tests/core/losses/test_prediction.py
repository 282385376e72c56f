from __future__ import annotations

import math

import pytest
import torch

from napari_em_autoclass.core.losses.prediction import Prediction


def test_value_worked_out_by_hand(flat_batch, state) -> None:
    p, q = torch.tensor([[1.0, 1e-30], [0.5, 0.5]]), torch.tensor([[0.8, 0.2], [0.9, 0.1]])
    loss = Prediction()(flat_batch(p.log(), predicted_logits=q.log()), state).loss
    expected = -(math.log(0.8) + 0.5 * math.log(0.9) + 0.5 * math.log(0.1)) / 2
    assert float(loss) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [1, 1, 1, 1]], ids=["foretold", "collapsed"])
def test_is_zero_when_the_map_is_foretold_and_when_it_collapsed(flat_batch, state, labels: list[int]) -> None:
    logits = 60 * torch.eye(4)[torch.tensor(labels)]
    loss = Prediction()(flat_batch(logits, predicted_logits=logits), state).loss
    assert float(loss) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("n_classes", [2, 20, 50])
def test_is_ln_k_when_both_are_undecided(flat_batch, state, n_classes: int) -> None:
    zeros = torch.zeros(6, n_classes)
    loss = Prediction()(flat_batch(zeros, predicted_logits=zeros), state).loss
    assert float(loss) == pytest.approx(math.log(n_classes), abs=1e-6)


def test_equals_a_plain_loop(raw, state) -> None:
    batch = raw.batch()
    costs = []
    for tile, row, column in torch.nonzero(batch.mask).tolist():
        ours, theirs = (
            [math.exp(value) for value in logits[tile, :, row, column].tolist()]
            for logits in (batch.logits, batch.predicted_logits)
        )
        costs.append(-sum(p / sum(ours) * math.log(q / sum(theirs)) for p, q in zip(ours, theirs, strict=True)))
    assert float(Prediction()(batch, state).loss) == pytest.approx(sum(costs) / len(costs), rel=1e-5)


def test_both_sides_are_trained(raw, state) -> None:
    leaves = raw.leaves()
    Prediction()(leaves.batch(), state).loss.backward()
    assert leaves.values["logits"].grad.abs().sum() > 0
    assert leaves.values["predicted_logits"].grad.abs().sum() > 0


def test_a_good_forecast_costs_less_than_a_bad_one(flat_batch, state) -> None:
    labels = torch.arange(12) % 4
    logits, bad = 3 * torch.eye(4)[labels], 3 * torch.eye(4)[(labels + 1) % 4]
    costs = [Prediction()(flat_batch(logits, predicted_logits=q), state).loss for q in (logits, 0 * logits, bad)]
    assert costs[0] < costs[1] < costs[2]
