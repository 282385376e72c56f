from __future__ import annotations

import pytest
import torch

from napari_em_autoclass.core.classifier.vit import ViT


def made(depth: int = 2) -> ViT:
    torch.manual_seed(0)
    return ViT(width=16, depth=depth, n_features=5).double().eval()


@pytest.mark.parametrize("depth", [1, 2])
def test_radius_is_how_far_a_pixel_is_felt(depth: int) -> None:
    net = made(depth)
    side = -(-2 * (net.radius_px + 8) // 8) * 8 + 8
    middle = side // 2 // 8 * 8
    image = torch.randn(1, 1, side, 24, dtype=torch.float64)
    reach = 0
    with torch.no_grad():
        before = net(image)
        for place in range(middle, middle + 8):
            other = image.clone()
            other[0, 0, place, 8:16] += 100
            rows = torch.nonzero(((net(other) - before).abs() > 1e-10).any(dim=1).any(dim=2)[0]).ravel()
            reach = max(reach, place - int(rows.min()), int(rows.max()) - place)
    assert reach == net.radius_px


def test_moving_by_a_patch_moves_the_features() -> None:
    net = made(1)
    image = torch.randn(1, 1, 96, 96, dtype=torch.float64)
    with torch.no_grad():
        found, moved = net(image), net(image.roll((8, 16), dims=(2, 3)))
    inner = (..., slice(40, 72), slice(48, 72))
    torch.testing.assert_close(moved[inner], found.roll((8, 16), dims=(2, 3))[inner])


def test_any_width_is_rounded_to_whole_heads() -> None:
    assert ViT(width=20, depth=1, n_features=5)(torch.zeros(1, 1, 8, 16)).shape == (1, 5, 8, 16)


def test_attention_at_the_edge_leaves_out_what_is_outside() -> None:
    net = made(1)
    with torch.no_grad():
        tokens = torch.randn(1, 3, 3, 16, dtype=torch.float64)
        layer = net.layers[0]
        alone = layer(tokens)
        layer.place[:, 12] += 50  # all attention to the own place: nothing outside was ever taken in
        own = layer.join(layer.qkv(layer.norm_in(tokens))[..., 32:]) + tokens
        expected = own + layer.narrow(torch.nn.functional.gelu(layer.widen(layer.norm_out(own))))
        torch.testing.assert_close(layer(tokens), expected)
    assert torch.isfinite(alone).all()
