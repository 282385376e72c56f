from __future__ import annotations

import math

import pytest
import torch

from napari_em_autoclass.core.losses.anchor import Anchor


def test_value_worked_out_by_hand(flat_batch, state) -> None:
    logits = torch.tensor([[0.75, 0.25], [0.5, 0.5]]).log()
    loss = Anchor()(flat_batch(logits, anchor=torch.tensor([0, 1])), state).loss
    assert float(loss) == pytest.approx(-(math.log(0.75) + math.log(0.5)) / 2, abs=1e-6)


def test_is_zero_when_each_pixel_is_sure_of_its_cluster(flat_batch, state) -> None:
    labels = torch.tensor([0, 1, 2, 2])
    loss = Anchor()(flat_batch(60 * torch.eye(3)[labels], anchor=labels), state).loss
    assert float(loss) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("n_classes", [2, 20, 50])
def test_is_ln_k_when_undecided(flat_batch, state, n_classes: int) -> None:
    labels = torch.arange(8) % n_classes
    loss = Anchor()(flat_batch(torch.zeros(8, n_classes), anchor=labels), state).loss
    assert float(loss) == pytest.approx(math.log(n_classes), abs=1e-6)


def test_one_class_everywhere_costs_more_the_surer_it_is(flat_batch, state) -> None:
    labels = torch.arange(12) % 4
    one = torch.eye(4)[torch.zeros(12, dtype=torch.long)]
    values = [float(Anchor()(flat_batch(size * one, anchor=labels), state).loss) for size in (0, 2, 8)]
    assert values == sorted(values)
    assert values[0] < values[-1]


def test_equals_a_plain_loop(raw, state) -> None:
    batch = raw.batch()
    costs = []
    for tile, row, column in torch.nonzero(batch.mask).tolist():
        logits = batch.logits[tile, :, row, column]
        wanted = int(batch.anchor[tile, row, column])
        costs.append(math.log(float(logits.exp().sum())) - float(logits[wanted]))
    assert float(Anchor()(batch, state).loss) == pytest.approx(sum(costs) / len(costs), rel=1e-5)


def test_the_right_labels_cost_less_than_wrong_ones(flat_batch, state) -> None:
    labels = torch.arange(12) % 4
    logits = 2 * torch.eye(4)[labels]
    right, wrong = (Anchor()(flat_batch(logits, anchor=a), state).loss for a in (labels, (labels + 1) % 4))
    assert right < wrong


def test_a_label_beyond_the_classes_is_refused(flat_batch, state) -> None:
    with pytest.raises(IndexError):
        Anchor()(flat_batch(torch.zeros(2, 3), anchor=torch.tensor([0, 3])), state)
