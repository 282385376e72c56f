from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.predictor.transformer import TransformerPredictor


@pytest.fixture
def predictor() -> TransformerPredictor:
    torch.manual_seed(0)
    return TransformerPredictor(n_classes=5, n_neighbours=4, width=20)


@pytest.fixture
def neighbours() -> Tensor:
    return (2 * torch.randn((2, 4, 5, 32, 40), generator=torch.Generator().manual_seed(0))).softmax(dim=2)


def test_every_neighbour_counts_and_each_in_its_own_way(predictor: TransformerPredictor, neighbours: Tensor) -> None:
    predictor.eval()
    with torch.no_grad():
        logits = predictor(neighbours)
        for index in range(4):
            other = neighbours.clone()
            other[:, index] = other[:, index].roll(1, dims=1)
            assert not torch.allclose(predictor(other), logits), f"neighbour {index} is not read"
        assert not torch.allclose(predictor(neighbours.flip(1)), logits)


def test_it_sees_the_whole_tile(predictor: TransformerPredictor, neighbours: Tensor) -> None:
    predictor.eval()
    other = neighbours.clone()
    other[..., -4:, -4:] = 1 / 5
    with torch.no_grad():
        assert (predictor(other) - predictor(neighbours)).abs().amax(dim=1)[..., 0, 0].min() > 1e-6


def test_a_place_in_the_tile_is_known(predictor: TransformerPredictor) -> None:
    even = torch.full((1, 4, 5, 32, 40), 1 / 5)
    logits = predictor.eval()(even)
    assert float(logits.std(dim=(2, 3)).max().detach()) > 1e-4


def test_tiles_do_not_see_each_other_in_evaluation(predictor: TransformerPredictor, neighbours: Tensor) -> None:
    predictor.eval()
    with torch.no_grad():
        torch.testing.assert_close(predictor(neighbours)[1:], predictor(neighbours[1:]))


def test_every_weight_gets_a_gradient(predictor: TransformerPredictor, neighbours: Tensor) -> None:
    predictor.train()(neighbours).square().sum().backward()
    without = [name for name, weight in predictor.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert without == []
