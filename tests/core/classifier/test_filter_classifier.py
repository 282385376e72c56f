from __future__ import annotations

import pytest
import torch

from napari_em_autoclass.core.classifier import FilterClassifier
from napari_em_autoclass.core.clusters import nearest_cluster


@pytest.fixture
def classifier() -> FilterClassifier:
    torch.manual_seed(0)
    made = FilterClassifier((1.0, 2.0), n_classes=5)
    made.mean.copy_(torch.randn(made.bank.n_channels))
    made.scale.copy_(torch.rand(made.bank.n_channels) + 0.5)
    made.centres.copy_(torch.randn(5, made.bank.n_channels))
    return made


@pytest.fixture
def image() -> torch.Tensor:
    return torch.randn((2, 1, 20, 24), generator=torch.Generator().manual_seed(1))


def test_logits_have_the_shape_of_the_image(classifier: FilterClassifier, image: torch.Tensor) -> None:
    assert classifier(image).shape == (2, 5, 20, 24)


def test_logits_differ_as_half_the_squared_distances(classifier: FilterClassifier, image: torch.Tensor) -> None:
    classifier.temperature.fill_(2.5)
    responses = classifier.responses(image).movedim(1, -1)  # (N, H, W, C)
    distances = ((responses[..., None, :] - classifier.centres) ** 2).sum(dim=-1)  # (N, H, W, K)
    expected = (-distances / 2 / 2.5).movedim(-1, 1)
    torch.testing.assert_close(classifier(image).softmax(dim=1), expected.softmax(dim=1))


def test_class_is_the_nearest_centre(classifier: FilterClassifier, image: torch.Tensor) -> None:
    responses = classifier.responses(image)
    assert torch.equal(classifier(image).argmax(dim=1), nearest_cluster(responses, classifier.centres))


def test_temperature_changes_confidence_and_not_the_class(classifier: FilterClassifier, image: torch.Tensor) -> None:
    warm = classifier(image)
    classifier.temperature.fill_(10.0)
    cool = classifier(image)
    assert torch.equal(warm.argmax(dim=1), cool.argmax(dim=1))
    assert (cool.softmax(dim=1).amax(dim=1) < warm.softmax(dim=1).amax(dim=1)).all()


def test_responses_are_standardised(classifier: FilterClassifier, image: torch.Tensor) -> None:
    bank = classifier.bank(image)
    expected = (bank - classifier.mean[:, None, None]) / classifier.scale[:, None, None]
    torch.testing.assert_close(classifier.responses(image), expected)


def test_all_that_was_fitted_is_saved(classifier: FilterClassifier, image: torch.Tensor) -> None:
    other = FilterClassifier((1.0, 2.0), n_classes=5)
    assert not torch.allclose(other(image), classifier(image))
    other.load_state_dict(classifier.state_dict())
    assert torch.equal(other(image), classifier(image))


def test_takes_any_size_and_looks_as_far_as_its_filters(classifier: FilterClassifier) -> None:
    assert classifier.stride == 1
    assert classifier.radius_px == classifier.bank.radius_px
