from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from napari_em_autoclass.core.classifier.unet2d import UNet2d, _Block


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def that_hides_nothing(depth: int) -> UNet2d:
    """Give a network whose output changes whenever anything it looks at grows: all weights positive."""
    net = UNet2d(width=2, depth=depth, n_features=1).double().eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(parameter.abs() + 0.1)
    return net


def reach(net: UNet2d, axis: int) -> tuple[int, int]:
    """Return how far before and behind itself a pixel is felt, at most, over all places on the coarsest grid."""
    side = -(-2 * (net.radius_px + 4) // net.stride) * net.stride + net.stride
    middle = side // 2 // net.stride * net.stride
    images = torch.rand((1, 1, side, side), dtype=torch.float64).repeat(net.stride + 1, 1, 1, 1)
    places = [middle + phase for phase in range(net.stride)]
    for image, place in zip(images[1:, 0], places, strict=True):
        image.select(axis, place)[middle] += 100
    with torch.no_grad():
        features = net(images)[:, 0]  # (1 + stride, side, side)
    # Images of one batch may be summed in different orders: rounding is not looking.
    felt = [torch.nonzero(((f - features[0]).abs() > 1e-9 * f.abs()).any(dim=1 - axis)).ravel() for f in features[1:]]
    before = max(place - int(f.min()) for place, f in zip(places, felt, strict=True))
    behind = max(int(f.max()) - place for place, f in zip(places, felt, strict=True))
    assert min(int(f.min()) for f in felt) > 0, "the image is too small to show the reach"
    assert max(int(f.max()) for f in felt) < side - 1, "the image is too small to show the reach"
    return before, behind


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_shape_is_the_images_with_one_channel_per_feature(depth: int) -> None:
    net = UNet2d(width=4, depth=depth, n_features=6)
    assert net.stride == 2 ** (depth - 1)
    height, width = 4 * net.stride, 6 * net.stride
    assert net(torch.zeros(2, 1, height, width)).shape == (2, 6, height, width)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("axis", [0, 1])
def test_radius_is_how_far_a_pixel_is_felt(depth: int, axis: int) -> None:
    net = that_hides_nothing(depth)
    assert max(reach(net, axis)) == net.radius_px


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_what_lies_beyond_the_radius_does_not_change_a_pixel(depth: int) -> None:
    # A network as it is drawn, not one that was made for the test.
    net = UNet2d(width=4, depth=depth, n_features=3).double().eval()
    r = net.radius_px
    side = -(-(2 * r + 8) // net.stride) * net.stride
    image = torch.rand((1, 1, side, side), dtype=torch.float64)
    y = side // 2

    def changed(distance: int) -> bool:
        other = image.clone()
        other[..., : y - distance + 1, :] += 1  # all rows from `distance` on
        with torch.no_grad():
            a, b = net(image), net(other)
        return not torch.equal(a[..., y, :], b[..., y, :])

    assert not changed(r + 1)
    assert changed(r // 2)


def test_tiles_do_not_see_each_other_in_evaluation() -> None:
    net = UNet2d(width=4, depth=2, n_features=3).eval()
    images = torch.rand(3, 1, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(net(images)[1:2], net(images[1:2]))


def test_every_weight_gets_a_gradient() -> None:
    net = UNet2d(width=4, depth=3, n_features=5)
    features: Tensor = net(torch.randn(2, 1, 16, 16))
    features.square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in net.parameters())


def test_it_may_see_the_sections_around_as_well() -> None:
    net = UNet2d(width=4, depth=2, n_features=6, n_sections=3).eval()
    assert (net.context, UNet2d(width=4, depth=2, n_features=6).context) == (1, 0)
    images = torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        features = net(images)
        assert features.shape == (1, 6, 16, 16)
        for section in range(3):
            other = images.clone()
            other[:, section] += 1
            assert not torch.allclose(net(other), features)


@pytest.mark.parametrize("margin", [0, 8])
def test_evaluation_is_convolution_then_batch_norm_and_follows_every_change_of_them(margin: int) -> None:
    net = UNet2d(width=4, depth=3, n_features=6).double()
    image = torch.rand((2, 1, 48, 48), dtype=torch.float64)
    for _ in range(2):
        net.train()
        with torch.no_grad():
            net(10 * torch.rand((2, 1, 48, 48), dtype=torch.float64) - 3)  # other statistics
            for weights in net.parameters():
                weights.add_(0.1 * torch.randn_like(weights))
        net.eval()
        made = net(image, margin)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(_Block, "forward", nn.Sequential.forward)
            plain = net(image, margin)
        assert made.abs().max() > 0.1
        torch.testing.assert_close(made, plain)


def test_gradients_in_evaluation_are_those_of_convolution_then_batch_norm() -> None:
    net = UNet2d(width=4, depth=2, n_features=3).double().eval()
    image = torch.rand((1, 1, 8, 8), dtype=torch.float64)

    def gradients() -> list[Tensor]:
        return list(torch.autograd.grad(net(image).square().sum(), list(net.parameters())))

    made = gradients()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_Block, "forward", nn.Sequential.forward)
        plain = gradients()
    assert all(bool(gradient.any()) for gradient in made)
    torch.testing.assert_close(made, plain)
