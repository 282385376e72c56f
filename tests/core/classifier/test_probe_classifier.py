"""What a taught classifier looks at, and how far."""

from __future__ import annotations

import pytest
import torch

from napari_em_autoclass.core.classifier import ClassifierSettings, FilterClassifier, ForecastClassifier
from napari_em_autoclass.core.classifier.probe_classifier import AROUND_PX, ProbeClassifier, n_numbers_of, numbers

SMALL = ClassifierSettings(width=4, depth=2, n_features=8, n_textons=6)


def bases() -> dict[str, FilterClassifier | ForecastClassifier]:
    torch.manual_seed(0)
    sketch = FilterClassifier((1.0, 2.0), 5)
    sketch.centres.normal_()
    return {"sketch": sketch, "network": ForecastClassifier(SMALL, 5, 2, (1.0,)).eval()}


@pytest.mark.parametrize("kind", ["sketch", "network"])
def test_the_numbers_are_the_embedding_its_averages_and_the_probabilities(kind: str) -> None:
    base = bases()[kind]
    found = numbers(base, torch.rand(2, 1, 32, 24))
    assert found.shape == (2, n_numbers_of(base), 32, 24)
    assert torch.allclose(found[:, -5:].sum(dim=1), torch.ones(2, 32, 24), atol=1e-5)
    n = (found.shape[1] - 5) // 3
    embedding, near = found[:, :n], found[:, n : 2 * n]
    half = AROUND_PX[0] // 2
    square = embedding[0, :, 10 - half : 11 + half, 9 - half : 10 + half].mean(dim=(1, 2))
    assert torch.allclose(near[0, :, 10, 9], square, atol=1e-5)


@pytest.mark.parametrize("kind", ["sketch", "network"])
def test_the_logits_are_linear_in_the_numbers(kind: str) -> None:
    base, image = bases()[kind], torch.rand(1, 1, 32, 32)
    weight, bias = torch.randn(3, n_numbers_of(base)), torch.randn(3)
    taught = ProbeClassifier(base, weight, bias)
    logits = taught(image)
    assert logits.shape == (1, 3, 32, 32)
    assert torch.allclose(logits[0, :, 5, 7], weight @ numbers(base, image)[0, :, 5, 7] + bias, atol=1e-4)


@pytest.mark.parametrize("kind", ["sketch", "network"])
def test_nothing_beyond_the_radius_is_looked_at(kind: str) -> None:
    base = bases()[kind]
    taught = ProbeClassifier(base, torch.randn(3, n_numbers_of(base)), torch.zeros(3))
    side = 2 * (taught.radius_px + 4) // taught.stride * taught.stride + 2 * taught.stride
    image = torch.rand(1, 1, side, side)
    changed = image.clone()
    middle = side // 2
    changed[..., : middle - taught.radius_px] += 3
    assert torch.allclose(taught(changed)[..., middle, middle], taught(image)[..., middle, middle], atol=1e-4)
    assert not torch.allclose(taught(changed)[..., middle, 0], taught(image)[..., middle, 0], atol=1e-4)
