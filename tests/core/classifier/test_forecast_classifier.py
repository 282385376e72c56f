from __future__ import annotations

import pytest
import torch

from napari_em_autoclass.core.classifier import ClassifierSettings, FilterClassifier, ForecastClassifier
from napari_em_autoclass.core.filters import CHANNELS_PER_SCALE

SETTINGS = ClassifierSettings(width=4, depth=2, n_features=6, n_textons=8)
SCALES = (1.0, 2.0)
N_RESPONSES = CHANNELS_PER_SCALE * len(SCALES)


def made(sigmas_px: tuple[float, ...] = (), **changes: float | str) -> ForecastClassifier:
    torch.manual_seed(0)
    return ForecastClassifier(SETTINGS.replace(**changes), 5, 2, sigmas_px).eval()


@pytest.fixture
def classifier() -> ForecastClassifier:
    return made()


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
def test_standardised_parts_have_the_variances_asked_for(image: torch.Tensor, share: float) -> None:
    classifier = made(forecast_share=share)
    own, foretold = samples(classifier, image)
    classifier.standardise([own[:500], own[500:]], [foretold[:500], foretold[500:]])
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
    classifier.standardise([own], [foretold])
    after = embedded(classifier, image)[:, 6:].var(dim=0)
    torch.testing.assert_close(after / after.sum(), before / before.sum(), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_part_that_does_not_count_is_nearly_nothing(image: torch.Tensor, share: float) -> None:
    classifier = made(forecast_share=share)
    own, foretold = samples(classifier, image)
    classifier.standardise([own], [foretold])
    variance = embedded(classifier, image).var(dim=0)
    weak, strong = (variance[6:], variance[:6]) if share == 0 else (variance[:6], variance[6:])
    assert float(weak.sum()) < 1e-3
    assert float(strong.sum()) == pytest.approx(1, rel=1e-3)


def test_filters_stand_beside_what_is_learned_standardised_as_the_textons_are(image: torch.Tensor) -> None:
    classifier, textons = made(SCALES), FilterClassifier(SCALES, 3)
    textons.mean.uniform_(-1, 1)
    textons.scale.uniform_(0.5, 2)
    classifier.take_filters(textons)
    features = classifier.features(image)
    assert features.shape == (3, 6 + N_RESPONSES, 16, 20)
    torch.testing.assert_close(features[:, :6], classifier.backbone(image))
    torch.testing.assert_close(features[:, 6:], textons.responses(image))
    assert classifier.radius_px == max(classifier.backbone.radius_px, textons.radius_px)


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_filters_have_their_share_of_the_variance(image: torch.Tensor, share: float) -> None:
    classifier = made(SCALES, filter_share=share)
    own, foretold = samples(classifier, image)
    classifier.standardise([own], [foretold])
    variance = embedded(classifier, image).var(dim=0)
    assert float(variance[:6].sum()) == pytest.approx(0.5 * (1 - share), rel=1e-3)
    assert float(variance[6 : 6 + N_RESPONSES].sum()) == pytest.approx(0.5 * share, rel=1e-3)
    assert float(variance[6 + N_RESPONSES :].sum()) == pytest.approx(0.5, rel=1e-3)


def test_a_feature_that_never_changes_stays_finite(classifier: ForecastClassifier, image: torch.Tensor) -> None:
    own, foretold = samples(classifier, image)
    own[:, 0] = 1.5
    classifier.standardise([own], [torch.full_like(foretold, 1 / 8)])
    assert torch.isfinite(embedded(classifier, image)).all()


@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_centres_put_in_give_the_nearest_centre(
    classifier: ForecastClassifier, image: torch.Tensor, temperature: float
) -> None:
    own, foretold = samples(classifier, image)
    classifier.standardise([own], [foretold])
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
    classifier.standardise([own], [foretold])
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


@pytest.mark.parametrize("backbone", ["unet2d", "unet25d", "filters", "vit"])
@pytest.mark.parametrize("head", ["linear", "cosine", "slots", "guided_slots"])
def test_any_network_goes_with_any_head(backbone: str, head: str) -> None:
    classifier = made(SCALES, backbone=backbone, head=head).train()
    channels = 2 * classifier.context + 1
    image = torch.randn(3, channels, 16, 24)
    for _ in range(3):
        classifier(image)
    own, foretold = samples(classifier.eval(), image)
    classifier.standardise([own], [foretold])
    pixels = embedded(classifier, image)
    assert pixels.shape[1] == 6 + N_RESPONSES + 8
    classifier.set_centres(pixels[:: len(pixels) // 5][:5].clone(), 0.1)
    with torch.no_grad():
        logits = classifier(image)
        assert logits.shape == (3, 5, 16, 24)
        torch.testing.assert_close(classifier(image[:1]), logits[:1], atol=1e-3, rtol=1e-3)
    if head in ("linear", "slots"):
        distances = ((pixels[:, None] - pixels[:: len(pixels) // 5][:5]) ** 2).sum(dim=-1)
        assert (logits.movedim(1, -1).flatten(0, 2).argmax(dim=1) == distances.argmin(dim=1)).float().mean() > 0.999


def test_filters_beside_a_network_of_three_sections_see_the_middle_one(image: torch.Tensor) -> None:
    classifier = made(SCALES, backbone="unet25d")
    others = torch.cat([image + 1, image, image - 1], dim=1)
    torch.testing.assert_close(classifier.features(others)[:, 6:], made(SCALES).features(image)[:, 6:])
    assert classifier.context == 1


def test_a_run_made_before_there_was_a_choice_has_the_same_names_and_sizes_of_weights() -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in made(SCALES).state_dict().items()}
    assert shapes["head.weight"] == (5, 14 + N_RESPONSES, 1, 1)
    assert shapes["backbone.down.0.0.weight"] == (4, 1, 3, 3)
    assert {name.split(".")[0] for name in shapes} == {
        *("backbone", "own", "neighbours", "head", "mean", "scale", "bank_mean", "bank_scale")
    }
