from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.predictor.neighbour_mean import NeighbourMeanPredictor, copy_neighbours
from napari_em_autoclass.core.predictor.skill import prediction_skill


@pytest.fixture
def neighbours() -> Tensor:
    """Give the class probabilities of 4 neighbours, (B, S - 1, K, h, w)."""
    return (2 * torch.randn((2, 4, 5, 8, 12), generator=torch.Generator().manual_seed(0))).softmax(dim=2)


def test_copying_is_the_mean_of_the_neighbours(neighbours: Tensor) -> None:
    copied = copy_neighbours(neighbours)
    torch.testing.assert_close(copied, sum(neighbours[:, index] for index in range(4)) / 4)
    torch.testing.assert_close(copied.sum(dim=1), torch.ones(2, 8, 12))


def test_it_foretells_the_mean_and_has_nothing_to_learn(neighbours: Tensor) -> None:
    predictor = NeighbourMeanPredictor()
    torch.testing.assert_close(predictor(neighbours).softmax(dim=1), copy_neighbours(neighbours))
    assert predictor.state_dict() == {}


def test_its_skill_is_zero_by_definition(neighbours: Tensor) -> None:
    skill = prediction_skill(NeighbourMeanPredictor()(neighbours), neighbours[:, 0], neighbours)
    assert skill == pytest.approx(0, abs=1e-6)


def test_a_class_that_no_neighbour_has_is_unlikely_and_not_impossible() -> None:
    maps = torch.zeros(1, 2, 3, 4, 4)
    maps[:, :, 0] = 1
    assert torch.isfinite(NeighbourMeanPredictor()(maps)).all()
