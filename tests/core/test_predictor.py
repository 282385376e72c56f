from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.predictor import Predictor, PredictorSettings, copy_neighbours, prediction_skill

SETTINGS = PredictorSettings(width=8)


@pytest.fixture
def neighbours() -> Tensor:
    """Give the class probabilities of 4 neighbours, (B, S - 1, K, h, w)."""
    return (2 * torch.randn((2, 4, 5, 8, 12), generator=torch.Generator().manual_seed(0))).softmax(dim=2)


@pytest.fixture
def predictor() -> Predictor:
    torch.manual_seed(0)
    return Predictor(SETTINGS, n_classes=5, n_neighbours=4)


def sure(labels: Tensor, n_classes: int = 5) -> Tensor:
    """Return one-hot probabilities (B, K, h, w)."""
    return torch.nn.functional.one_hot(labels, n_classes).movedim(-1, 1).float()


def test_logits_have_the_shape_of_one_section(predictor: Predictor, neighbours: Tensor) -> None:
    assert predictor(neighbours).shape == (2, 5, 8, 12)


def test_every_neighbour_counts_and_each_in_its_own_way(predictor: Predictor, neighbours: Tensor) -> None:
    predictor.eval()
    with torch.no_grad():
        logits = predictor(neighbours)
        for index in range(4):
            other = neighbours.clone()
            other[:, index] = other[:, index].roll(1, dims=1)
            assert not torch.allclose(predictor(other), logits), f"neighbour {index} is not read"
        assert not torch.allclose(predictor(neighbours.flip(1)), logits)


def test_it_sees_beyond_the_pixel_and_not_the_whole_section(predictor: Predictor) -> None:
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


def test_every_weight_gets_a_gradient(predictor: Predictor, neighbours: Tensor) -> None:
    predictor(neighbours).square().sum().backward()
    without = [name for name, weight in predictor.named_parameters() if weight.grad is None or not weight.grad.any()]
    # The bias before a batch norm does nothing; its gradient is 0 up to rounding.
    assert all(name.endswith("bias") for name in without)


def test_copying_is_the_mean_of_the_neighbours(neighbours: Tensor) -> None:
    copied = copy_neighbours(neighbours)
    torch.testing.assert_close(copied, sum(neighbours[:, index] for index in range(4)) / 4)
    torch.testing.assert_close(copied.sum(dim=1), torch.ones(2, 8, 12))


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


def test_skill_is_a_plain_number_also_in_half_precision(predictor: Predictor, neighbours: Tensor) -> None:
    skill = prediction_skill(predictor(neighbours).to(torch.bfloat16), neighbours[:, 0], neighbours)
    assert type(skill) is float


@pytest.mark.parametrize("width", [3, 257])
def test_impossible_widths_are_refused(width: int) -> None:
    with pytest.raises(InputError, match="width"):
        SETTINGS.replace(width=width)
