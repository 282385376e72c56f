from __future__ import annotations

import math

import pytest
import torch

from napari_em_autoclass.core.losses.confidence import Confidence
from napari_em_autoclass.core.losses.confidence_penalty import ConfidencePenalty


def test_value_worked_out_by_hand(flat_batch, state) -> None:
    logits = torch.tensor([[0.9, 0.1], [0.5, 0.5]]).log()
    loss = ConfidencePenalty()(flat_batch(logits), state).loss
    assert float(loss) == pytest.approx(-(0.325083 + 0.693147) / 2, abs=1e-6)


@pytest.mark.parametrize("n_classes", [2, 20, 50])
def test_is_lowest_when_undecided(flat_batch, state, n_classes: int) -> None:
    loss = ConfidencePenalty()(flat_batch(torch.zeros(6, n_classes)), state).loss
    assert float(loss) == pytest.approx(-math.log(n_classes), abs=1e-6)


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [0, 0, 0, 0]], ids=["all classes", "one class"])
def test_is_zero_when_each_pixel_is_sure(flat_batch, state, labels: list[int]) -> None:
    loss = ConfidencePenalty()(flat_batch(60 * torch.eye(4)[torch.tensor(labels)]), state).loss
    assert float(loss) == pytest.approx(0, abs=1e-6)


def test_is_the_opposite_of_confidence(raw, state) -> None:
    assert ConfidencePenalty()(raw.batch(), state).loss == -Confidence()(raw.batch(), state).loss


def test_equals_the_divergence_from_the_uniform_distribution(raw, state) -> None:
    batch = raw.batch()
    log_p = batch.logits.movedim(1, -1)[batch.mask].log_softmax(dim=1)
    divergence = torch.nn.functional.kl_div(
        torch.full_like(log_p, -math.log(5)), log_p, reduction="batchmean", log_target=True
    )
    assert float(ConfidencePenalty()(batch, state).loss) == pytest.approx(float(divergence) - math.log(5), abs=1e-5)
