from __future__ import annotations

import torch

from napari_em_autoclass.core.classifier.filter_backbone import FilterBackbone
from napari_em_autoclass.core.filters import FilterBank


def test_features_are_linear_in_the_standardised_responses() -> None:
    torch.manual_seed(0)
    net = FilterBackbone((1.0, 2.0), 5).train()
    image = torch.randn(4, 1, 20, 24)
    for _ in range(60):
        net(image)
    responses = FilterBank((1.0, 2.0))(image)
    mean, variance = responses.mean(dim=(0, 2, 3)), responses.var(dim=(0, 2, 3))
    standardised = (responses - mean[:, None, None]) / (variance + 1e-5).sqrt()[:, None, None]
    torch.testing.assert_close(net.eval()(image), net.mix(standardised), rtol=1e-3, atol=1e-3)


def test_it_looks_as_far_as_its_filters_and_has_some_when_none_are_given() -> None:
    assert FilterBackbone((1.0, 2.0), 5).radius_px == FilterBank((1.0, 2.0)).radius_px
    assert FilterBackbone((), 5).bank.sigmas_px == (1.0, 2.0, 4.0, 8.0)


def test_only_the_mixture_is_learned() -> None:
    assert [name for name, _ in FilterBackbone((1.0,), 5).named_parameters()] == ["mix.weight", "mix.bias"]
