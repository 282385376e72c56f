from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.predictor.conv import ConvPredictor


@pytest.fixture
def neighbours() -> Tensor:
    """Give the class probabilities of 4 neighbours, (B, S - 1, K, h, w)."""
    return (2 * torch.randn((2, 4, 5, 8, 12), generator=torch.Generator().manual_seed(0))).softmax(dim=2)


@pytest.fixture
def predictor() -> ConvPredictor:
    torch.manual_seed(0)
    return ConvPredictor(n_classes=5, n_neighbours=4, width=8)


def test_logits_have_the_shape_of_one_section(predictor: ConvPredictor, neighbours: Tensor) -> None:
    assert predictor(neighbours).shape == (2, 5, 8, 12)


def test_every_neighbour_counts_and_each_in_its_own_way(predictor: ConvPredictor, neighbours: Tensor) -> None:
    predictor.eval()
    with torch.no_grad():
        logits = predictor(neighbours)
        for index in range(4):
            other = neighbours.clone()
            other[:, index] = other[:, index].roll(1, dims=1)
            assert not torch.allclose(predictor(other), logits), f"neighbour {index} is not read"
        assert not torch.allclose(predictor(neighbours.flip(1)), logits)


def test_it_sees_beyond_the_pixel_and_not_the_whole_section(predictor: ConvPredictor) -> None:
    predictor.eval()
    maps = torch.rand(1, 4, 5, 64, 64)
    other = maps.clone()
    other[..., 32, 32] += 10
    with torch.no_grad():
        felt = (predictor(other) - predictor(maps)).abs().amax(dim=1)[0] > 1e-6
    rows = torch.nonzero(felt.any(dim=1)).ravel()
    assert int(rows.min()) <= 32 - 5
    assert int(rows.min()) >= 32 - 12
    assert int(rows.max()) <= 32 + 12


def test_every_weight_gets_a_gradient(predictor: ConvPredictor, neighbours: Tensor) -> None:
    predictor(neighbours).square().sum().backward()
    without = [name for name, weight in predictor.named_parameters() if weight.grad is None or not weight.grad.any()]
    # The bias before a batch norm does nothing; its gradient is 0 up to rounding.
    assert all(name.endswith("bias") for name in without)
