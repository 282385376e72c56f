from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.classifier.backbones import Backbone, make_backbone
from napari_em_autoclass.core.classifier.settings import ClassifierSettings

KINDS = get_args(ClassifierSettings.model_fields["backbone"].annotation)
SIGMAS = (1.0, 2.0)


@pytest.fixture(params=KINDS)
def net(request: pytest.FixtureRequest, timm_with_weights: Path) -> Backbone:
    """Give each kind of network, in double precision, its running statistics as if it had been trained."""
    settings = ClassifierSettings(backbone=request.param, width=4, depth=2, n_features=6)
    if request.param in ("frozen_vit", "sam"):
        name = "samvit_tiny_patch4" if request.param == "sam" else "vit_tiny_patch4_dinov2"
        settings = settings.replace(vit_name=name)
    torch.manual_seed(0)
    made = make_backbone(settings, SIGMAS).double().train()
    side = 2 * made.stride if made.stride > 1 else 16
    with torch.no_grad():
        for _ in range(10):
            made(torch.randn(2, 2 * made.context + 1, side, side, dtype=torch.float64))
    return made.eval()


def image(net: Backbone, height: int, width: int, n: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn((n, 2 * net.context + 1, height, width), generator=generator, dtype=torch.float64)


def test_each_pixel_has_its_features(net: Backbone) -> None:
    height, width = 2 * net.stride, 3 * net.stride
    with torch.no_grad():
        features = net(image(net, height, width, n=2))
    assert features.shape == (2, 6, height, width)
    assert torch.isfinite(features).all()
    assert float(features.std()) > 1e-3


@pytest.mark.parametrize("axis", [2, 3])
def test_a_tile_with_its_surroundings_is_seen_as_in_the_whole(net: Backbone, axis: int) -> None:
    halo = -(-net.radius_px // net.stride) * net.stride
    tile = max(net.stride, 8)
    whole = image(net, *((4 * tile + 2 * halo, net.stride + 8 - 8 % net.stride)[:: 1 if axis == 2 else -1]))
    start = tile - tile % net.stride
    part = whole.narrow(axis, start, tile + 2 * halo)
    with torch.no_grad():
        expected = net(whole).narrow(axis, start + halo, tile)
        found = net(part).narrow(axis, halo, tile)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)


def test_nothing_beyond_the_radius_is_seen_and_most_of_what_is_within(net: Backbone) -> None:
    r, stride = net.radius_px, net.stride
    side = -(-(2 * r + 2 * stride + 2) // stride) * stride
    seen = 0
    given = image(net, side, stride)
    # From every place on the coarsest grid.
    for y in range(side // 2 // stride * stride, side // 2 // stride * stride + stride, max(1, stride // 16)):
        for distance in (r + 1, max(r // 2, 1)):
            other = given.clone()
            other[:, :, : max(y - distance + 1, 0)] += 1
            with torch.no_grad():
                change = (net(other) - net(given))[:, :, y].abs().max()
            if distance > r:
                assert float(change) < 1e-12, f"row {y} sees {distance} pixels away"
            seen += float(change) > 1e-9
    assert seen > 0


def test_tiles_do_not_see_each_other_in_evaluation(net: Backbone) -> None:
    images = image(net, net.stride * 2, net.stride * 2, n=3)
    with torch.no_grad():
        torch.testing.assert_close(net(images)[1:2], net(images[1:2]))


def test_every_weight_gets_a_gradient(net: Backbone) -> None:
    features: Tensor = net.train()(image(net, 2 * max(net.stride, 8), 2 * max(net.stride, 8), n=2))
    (features * torch.randn_like(features)).sum().backward()
    without = [name for name, weight in net.named_parameters() if weight.grad is None or not weight.grad.any()]
    # What is added to all keys alike changes no softmax, and what is added before a batch norm changes nothing.
    assert all(name.endswith("bias") for name in without)


def test_all_that_it_learned_is_saved(net: Backbone) -> None:
    assert {"running_mean"} <= {name.rsplit(".", 1)[-1] for name in net.state_dict()}
    given = image(net, net.stride * 2, net.stride * 2)
    with torch.no_grad():
        before = net(given)
        stored = {name: tensor.clone() for name, tensor in net.state_dict().items()}
        for weight in net.parameters():
            weight.mul_(1.5)
        assert not torch.allclose(net(given), before)
        net.load_state_dict(stored)
        assert torch.equal(net(given), before)
