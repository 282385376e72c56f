from __future__ import annotations

import pytest
import torch

from napari_em_autoclass.core.classifier import ClassifierSettings, ForecastClassifier

SETTINGS = ClassifierSettings(width=4, depth=2, n_features=6, n_textons=8)


@pytest.fixture
def classifier() -> ForecastClassifier:
    torch.manual_seed(0)
    return ForecastClassifier(SETTINGS, n_classes=5, n_offsets=2).eval()


@pytest.fixture
def image() -> torch.Tensor:
    return torch.randn((3, 1, 16, 20), generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def samples(classifier: ForecastClassifier, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    features = classifier.features(image)
    rows = (maps.movedim(1, -1).flatten(0, 2) for maps in (features, classifier.forecast(features)))
    own, foretold = rows
    return own, foretold


@torch.no_grad()
def embedded(classifier: ForecastClassifier, image: torch.Tensor) -> torch.Tensor:
    """Return the embedding of every pixel, (N, D + T)."""
    return classifier.embed(classifier.features(image)).movedim(1, -1).flatten(0, 2)


def test_shapes(classifier: ForecastClassifier, image: torch.Tensor) -> None:
    features = classifier.features(image)
    assert features.shape == (3, 6, 16, 20)
    assert classifier.forecast(features).shape == (3, 8, 16, 20)
    assert classifier.embed(features).shape == (3, 14, 16, 20)
    assert classifier(image).shape == (3, 5, 16, 20)


def test_one_pass_is_features_then_classes(classifier: ForecastClassifier, image: torch.Tensor) -> None:
    assert torch.equal(classifier(image), classifier.classify(classifier.features(image)))


def test_forecast_is_a_distribution_and_the_mean_over_distances(
    classifier: ForecastClassifier, image: torch.Tensor
) -> None:
    features = classifier.features(image)
    forecast = classifier.forecast(features)
    torch.testing.assert_close(forecast.sum(dim=1), torch.ones(3, 16, 20))
    near, far = (head(features).softmax(dim=1) for head in classifier.neighbours)
    assert not torch.allclose(near, far)
    torch.testing.assert_close(forecast, (near + far) / 2)


def test_embedding_is_features_beside_the_root_of_the_forecast(
    classifier: ForecastClassifier, image: torch.Tensor
) -> None:
    features = classifier.features(image)
    embedding = classifier.embed(features)  # mean 0 and scale 1 until it is standardised
    torch.testing.assert_close(embedding[:, :6], features)
    torch.testing.assert_close(embedding[:, 6:].square(), classifier.forecast(features))


def test_a_forecast_that_is_given_takes_the_place_of_its_own(
    classifier: ForecastClassifier, image: torch.Tensor
) -> None:
    features = classifier.features(image)
    given = torch.full((3, 8, 16, 20), 1 / 8)
    torch.testing.assert_close(classifier.embed(features, given)[:, 6:], given.sqrt())


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_standardised_parts_have_the_variances_asked_for(
    classifier: ForecastClassifier, image: torch.Tensor, share: float
) -> None:
    own, foretold = samples(classifier, image)
    classifier.standardise([own[:500], own[500:]], [foretold[:500], foretold[500:]], share)
    embedding = embedded(classifier, image)
    torch.testing.assert_close(embedding.mean(dim=0), torch.zeros(14), atol=1e-4, rtol=0)
    variance = embedding.var(dim=0)
    torch.testing.assert_close(variance[:6], torch.full((6,), (1 - share) / 6), rtol=1e-3, atol=0)
    assert float(variance[6:].sum()) == pytest.approx(share, rel=1e-3)


def test_textures_keep_their_variances_relative_to_each_other(
    classifier: ForecastClassifier, image: torch.Tensor
) -> None:
    own, foretold = samples(classifier, image)
    before = foretold.sqrt().var(dim=0)
    classifier.standardise([own], [foretold], 0.5)
    after = embedded(classifier, image)[:, 6:].var(dim=0)
    torch.testing.assert_close(after / after.sum(), before / before.sum(), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_part_that_does_not_count_is_nearly_nothing(
    classifier: ForecastClassifier, image: torch.Tensor, share: float
) -> None:
    own, foretold = samples(classifier, image)
    classifier.standardise([own], [foretold], share)
    variance = embedded(classifier, image).var(dim=0)
    weak, strong = (variance[6:], variance[:6]) if share == 0 else (variance[:6], variance[6:])
    assert float(weak.sum()) < 1e-3
    assert float(strong.sum()) == pytest.approx(1, rel=1e-3)


def test_a_feature_that_never_changes_stays_finite(classifier: ForecastClassifier, image: torch.Tensor) -> None:
    own, foretold = samples(classifier, image)
    own[:, 0] = 1.5
    classifier.standardise([own], [torch.full_like(foretold, 1 / 8)], 0.5)
    assert torch.isfinite(embedded(classifier, image)).all()


@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_centres_put_in_give_the_nearest_centre(
    classifier: ForecastClassifier, image: torch.Tensor, temperature: float
) -> None:
    own, foretold = samples(classifier, image)
    classifier.standardise([own], [foretold], 0.5)
    pixels = embedded(classifier, image)
    centres = pixels[:: len(pixels) // 5][:5].clone()
    classifier.set_centres(centres, temperature)
    distances = ((pixels.double()[:, None] - centres.double()) ** 2).sum(dim=-1)  # (N, K)
    with torch.no_grad():
        logits = classifier(image).movedim(1, -1).flatten(0, 2)
    assert torch.equal(logits.argmax(dim=1), distances.argmin(dim=1))
    torch.testing.assert_close(logits.softmax(dim=1), (-distances / 2 / temperature).softmax(dim=1).float())


def test_stride_and_radius_are_the_backbones(classifier: ForecastClassifier) -> None:
    assert classifier.stride == classifier.backbone.stride == 2
    assert classifier.radius_px == classifier.backbone.radius_px


def test_all_that_was_fitted_is_saved(classifier: ForecastClassifier, image: torch.Tensor) -> None:
    own, foretold = samples(classifier, image)
    classifier.standardise([own], [foretold], 0.5)
    torch.manual_seed(1)
    other = ForecastClassifier(SETTINGS, n_classes=5, n_offsets=2).eval()
    other.load_state_dict(classifier.state_dict())
    assert torch.equal(other(image), classifier(image))


@pytest.mark.parametrize(
    ("field", "value"), [("width", 3), ("depth", 0), ("n_textons", 255), ("forecast_share", 1.1), ("n_features", 3)]
)
def test_impossible_sizes_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        SETTINGS.replace(**{field: value})
