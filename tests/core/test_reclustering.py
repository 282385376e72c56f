from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.classifier import ClassifierSettings, FilterClassifier, ForecastClassifier
from napari_em_autoclass.core.reclustering import averaged, recluster, renew_centres

K = 5


@pytest.fixture
def student() -> ForecastClassifier:
    torch.manual_seed(0)
    made = ForecastClassifier(ClassifierSettings(width=4, depth=2, n_features=6, n_textons=8), K, 1)
    with torch.no_grad():
        made(torch.randn(4, 1, 32, 32))
    return made.eval()


@pytest.fixture
def sketch() -> FilterClassifier:
    torch.manual_seed(2)
    made = FilterClassifier((1.0,), K)
    made.centres.copy_(0.3 * torch.randn(made.centres.shape))
    return made.eval()


@pytest.fixture
def stacks() -> list[Tensor]:
    torch.manual_seed(1)
    return [torch.nn.functional.avg_pool2d(torch.randn(3, 1, 34, 34), 3, 1) * 3 for _ in range(6)]


def state(student: ForecastClassifier) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in student.state_dict().items()}


def labels_of(student: ForecastClassifier, stacks: list[Tensor]) -> Tensor:
    with torch.no_grad():
        return torch.stack([student(stack[1:2]).argmax(dim=1) for stack in stacks])


def test_a_forecast_is_averaged_over_three_sections() -> None:
    below, middle, above = torch.rand(3, 6, 4, 4).softmax(dim=1).unbind()
    found = averaged(below, middle, above)
    torch.testing.assert_close(found, 0.25 * below + 0.5 * middle + 0.25 * above)
    torch.testing.assert_close(found.sum(dim=0), torch.ones(4, 4))


@pytest.mark.parametrize("smoothing", [None, (), (1, 2)])
def test_only_the_head_and_its_embedding_change(
    student: ForecastClassifier, sketch: FilterClassifier, stacks: list[Tensor], smoothing: tuple[int, ...] | None
) -> None:
    before = state(student)
    result = recluster(student, sketch, stacks, 0, smoothing)
    changed = {name for name, tensor in state(student).items() if not torch.equal(tensor, before[name])}
    assert changed == {"mean", "scale", "head.weight", "head.bias"}
    assert len(result.kept) == len(result.usage) == K
    assert sum(result.usage) == pytest.approx(1)
    assert min(result.usage) > 0
    assert all(0 <= share <= 1 for share in result.kept)


@pytest.mark.parametrize("smoothing", [None, (), (1, 2)])
def test_it_can_be_repeated(
    student: ForecastClassifier, sketch: FilterClassifier, stacks: list[Tensor], smoothing: tuple[int, ...] | None
) -> None:
    one = recluster(student, sketch, stacks, 3, smoothing)
    first = state(student)
    two = recluster(student, sketch, stacks, 3, smoothing)
    assert one == two
    assert all(torch.equal(first[name], tensor) for name, tensor in state(student).items())


@pytest.mark.parametrize("smoothing", [None, (), (1, 2)])
def test_classes_keep_their_ids(
    student: ForecastClassifier, sketch: FilterClassifier, stacks: list[Tensor], smoothing: tuple[int, ...] | None
) -> None:
    recluster(student, sketch, stacks, 0, ())
    before = labels_of(student, stacks)
    # The same classes under other ids: whoever comes next must go by these.
    order = torch.tensor([3, 0, 4, 1, 2])
    with torch.no_grad():
        student.head.weight.copy_(student.head.weight[order].clone())
        student.head.bias.copy_(student.head.bias[order].clone())  # type: ignore[union-attr]
    renamed = labels_of(student, stacks)
    assert torch.equal(order[renamed], before)
    result = recluster(student, student, stacks, 0, smoothing)
    # Far more than the fifth that chance would keep; the forecasts are averaged now, so not all.
    assert (labels_of(student, stacks) == renamed).float().mean() > 0.6
    assert min(result.kept) > 0.45


def test_the_usage_is_the_share_of_each_class(
    student: ForecastClassifier, sketch: FilterClassifier, stacks: list[Tensor]
) -> None:
    result = recluster(student, sketch, stacks, 0, ())
    # Single sections against averages of three: about the same, and in the same order of ids.
    inner = labels_of(student, stacks)[..., 8:-8, 8:-8]
    shares = torch.bincount(inner.flatten(), minlength=K) / inner.numel()
    assert (shares - torch.tensor(result.usage)).abs().max() < 0.15


def blobs() -> tuple[np.ndarray, np.ndarray]:
    """Give points (N, 2) around four corners, and the corners."""
    corners = np.array([[0, 0], [10, 0], [0, 10], [10, 10]], np.float32)
    noise = np.random.default_rng(0).normal(0, 0.3, (4, 50, 2)).astype(np.float32)
    return (corners[:, None] + noise).reshape(-1, 2), corners


def test_centres_move_into_the_middle_of_their_points() -> None:
    points, corners = blobs()
    centres, labels, within = renew_centres(points, corners + np.float32(2), n_rounds=4)
    assert np.array_equal(labels, np.repeat(np.arange(4), 50))
    means = points.reshape(4, 50, 2).mean(axis=1)
    np.testing.assert_allclose(centres, means, atol=1e-4)
    expected = ((points - means[labels]) ** 2).sum(axis=1).mean()
    assert within == pytest.approx(expected, rel=1e-3)


def test_a_class_that_lost_its_pixels_takes_those_worst_described() -> None:
    points, corners = blobs()
    starved = corners.copy()
    starved[3] = (1000, 1000)
    _, labels, within = renew_centres(points, starved, n_rounds=4)
    assert np.array_equal(np.bincount(labels, minlength=4), [50, 50, 50, 50])
    assert within < 1


def test_identical_pixels_give_finite_centres() -> None:
    centres, labels, within = renew_centres(np.ones((20, 3), np.float32), np.ones((4, 3), np.float32), n_rounds=3)
    assert np.isfinite(centres).all()
    assert within == pytest.approx(0, abs=1e-6)
    assert len(labels) == 20


def test_filters_name_the_classes_of_a_network_that_sees_three_sections(
    sketch: FilterClassifier, stacks: list[Tensor]
) -> None:
    torch.manual_seed(0)
    settings = ClassifierSettings(backbone="unet25d", width=4, depth=2, n_features=6, n_textons=8)
    student = ForecastClassifier(settings, K, 1).eval()
    result = recluster(student, sketch, [stack.expand(-1, 3, -1, -1) for stack in stacks], 0)
    assert sum(result.usage) == pytest.approx(1)
