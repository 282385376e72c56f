from __future__ import annotations

import math

import pytest
import torch

from napari_em_autoclass.core.losses.confidence import Confidence


def test_value_worked_out_by_hand(flat_batch, state) -> None:
    # H(0.9, 0.1) = 0.325083 and H(0.5, 0.5) = 0.693147.
    logits = torch.tensor([[0.9, 0.1], [0.5, 0.5]]).log()
    assert float(Confidence()(flat_batch(logits), state).loss) == pytest.approx((0.325083 + 0.693147) / 2, abs=1e-6)


@pytest.mark.parametrize("n_classes", [2, 20, 50])
def test_is_ln_k_when_undecided(flat_batch, state, n_classes: int) -> None:
    loss = Confidence()(flat_batch(torch.zeros(6, n_classes)), state).loss
    assert float(loss) == pytest.approx(math.log(n_classes), abs=1e-6)


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [0, 0, 0, 0]], ids=["all classes", "one class"])
def test_is_zero_when_each_pixel_is_sure(flat_batch, state, labels: list[int]) -> None:
    loss = Confidence()(flat_batch(60 * torch.eye(4)[torch.tensor(labels)]), state).loss
    assert float(loss) == pytest.approx(0, abs=1e-6)


def test_equals_a_plain_loop(raw, state) -> None:
    batch = raw.batch()
    entropies = []
    for tile, row, column in torch.nonzero(batch.mask).tolist():
        weights = [math.exp(value) for value in batch.logits[tile, :, row, column].tolist()]
        entropies.append(-sum(w / sum(weights) * math.log(w / sum(weights)) for w in weights))
    assert float(Confidence()(batch, state).loss) == pytest.approx(sum(entropies) / len(entropies), rel=1e-5)


def test_surer_pixels_cost_less(raw, state) -> None:
    costs = [float(Confidence()(raw.mapped(lambda v, s=size: s * v).batch(), state).loss) for size in (4, 2, 1, 0.5)]
    assert costs == sorted(costs)
    assert costs[0] < costs[-1]
