from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.predictor.neighbour_mean import copy_neighbours
from napari_em_autoclass.core.predictor.skill import prediction_skill


@pytest.fixture
def neighbours() -> Tensor:
    """Give the class probabilities of 4 neighbours, (B, S - 1, K, h, w)."""
    return (2 * torch.randn((2, 4, 5, 8, 12), generator=torch.Generator().manual_seed(0))).softmax(dim=2)


def sure(labels: Tensor, n_classes: int = 5) -> Tensor:
    """Return one-hot probabilities (B, K, h, w)."""
    return torch.nn.functional.one_hot(labels, n_classes).movedim(-1, 1).float()


def test_skill_is_one_for_a_perfect_forecast(neighbours: Tensor) -> None:
    labels = torch.randint(5, (2, 8, 12), generator=torch.Generator().manual_seed(1))
    assert prediction_skill(100 * sure(labels), sure(labels), neighbours) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("is_sure", [True, False])
def test_skill_is_zero_for_copying(neighbours: Tensor, is_sure: bool) -> None:
    labels = torch.randint(5, (2, 8, 12), generator=torch.Generator().manual_seed(1))
    truth = sure(labels) if is_sure else neighbours[:, 0]
    assert prediction_skill(copy_neighbours(neighbours).log(), truth, neighbours) == pytest.approx(0, abs=1e-3)


def test_skill_is_below_zero_for_worse_than_copying(neighbours: Tensor) -> None:
    labels = neighbours.mean(dim=1).argmax(dim=1)
    assert prediction_skill(5 * sure((labels + 1) % 5), sure(labels), neighbours) < -0.5


def test_skill_grows_as_the_forecast_gets_better(neighbours: Tensor) -> None:
    labels = torch.randint(5, (2, 8, 12), generator=torch.Generator().manual_seed(1))
    skills = [prediction_skill(size * sure(labels), sure(labels), neighbours) for size in (0, 1, 2, 5)]
    assert skills == sorted(skills)
    assert skills[0] < skills[-1] <= 1


def test_skill_is_a_plain_number_also_in_half_precision(neighbours: Tensor) -> None:
    skill = prediction_skill(neighbours[:, 1].log().to(torch.bfloat16), neighbours[:, 0], neighbours)
    assert type(skill) is float
