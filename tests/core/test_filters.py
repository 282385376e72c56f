from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from napari_em_autoclass.core.filters import CHANNELS_PER_SCALE, FilterBank

GAUSSIAN, GRADIENT, LARGER, SMALLER = range(CHANNELS_PER_SCALE)


@pytest.fixture
def image() -> Tensor:
    return torch.randn((1, 1, 60, 70), generator=torch.Generator().manual_seed(0))


def responses(image: Tensor, sigma: float = 2.0) -> np.ndarray:
    return FilterBank((sigma,))(image)[0].numpy()


def smoothed(image: Tensor, sigma: float) -> np.ndarray:
    # "mirror" of SciPy is "reflect" of torch; the radius is rounded up here, where SciPy rounds to nearest.
    radius = int(np.ceil(3 * sigma))
    return ndimage.gaussian_filter(image[0, 0].double().numpy(), sigma, mode="mirror", radius=radius)


def test_five_responses_a_scale_in_order_of_the_scales(image: Tensor) -> None:
    bank = FilterBank((1.0, 2.5))
    assert bank.n_channels == 2 * CHANNELS_PER_SCALE
    both = bank(image.repeat(2, 1, 1, 1))
    assert both.shape == (2, 2 * CHANNELS_PER_SCALE, 60, 70)
    assert both.dtype == torch.float32
    torch.testing.assert_close(both[1, CHANNELS_PER_SCALE:], FilterBank((2.5,))(image)[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0, 3.3, 8.0])
def test_gaussian_is_that_of_scipy(image: Tensor, sigma: float) -> None:
    np.testing.assert_allclose(responses(image, sigma)[GAUSSIAN], smoothed(image, sigma), atol=1e-5)


@pytest.mark.parametrize("sigma", [1.0, 2.0, 5.0])
def test_gradient_is_that_of_numpy_times_the_scale(image: Tensor, sigma: float) -> None:
    dy, dx = np.gradient(smoothed(image, sigma))
    inside = (slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(responses(image, sigma)[GRADIENT][inside], (sigma * np.hypot(dy, dx))[inside], atol=1e-5)


@pytest.mark.parametrize("sigma", [1.0, 2.0, 5.0])
def test_hessian_eigenvalues_are_those_of_numpy_times_the_scale_squared(image: Tensor, sigma: float) -> None:
    dy, dx = np.gradient(smoothed(image, sigma))
    (dyy, dyx), (dxy, dxx) = np.gradient(dy), np.gradient(dx)
    values = np.linalg.eigvalsh(np.stack([np.stack([dyy, dyx], -1), np.stack([dxy, dxx], -1)], -1)) * sigma**2
    found = responses(image, sigma)
    inside = (slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(found[SMALLER][inside], values[..., 0][inside], atol=2e-5)
    np.testing.assert_allclose(found[LARGER][inside], values[..., 1][inside], atol=2e-5)


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("flip", [False, True])
def test_responses_turn_with_the_image(image: Tensor, turns: int, flip: bool) -> None:
    def turned(maps: Tensor) -> Tensor:
        return torch.rot90(maps.flip(-1) if flip else maps, turns, dims=(-2, -1))

    bank = FilterBank((1.0, 4.0))
    torch.testing.assert_close(bank(turned(image)), turned(bank(image)), atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, 1.0, -6.0])
def test_a_constant_image_answers_with_its_value_only(value: float) -> None:
    found = responses(torch.full((1, 1, 40, 40), value))
    np.testing.assert_allclose(found[GAUSSIAN], value, atol=1e-5)
    np.testing.assert_allclose(found[[GRADIENT, LARGER, SMALLER]], 0, atol=1e-4)


def test_a_bright_line_has_one_strong_negative_curvature() -> None:
    image = torch.zeros(1, 1, 41, 41)
    image[..., 20, :] = 1
    found = responses(image, 2.0)[:, 20, 20]
    assert found[SMALLER] < -0.1
    assert abs(found[LARGER]) < 1e-4
    assert abs(found[GRADIENT]) < 1e-4


def test_adding_a_constant_changes_the_gaussian_only(image: Tensor) -> None:
    before, after = responses(image), responses(image + 2)
    np.testing.assert_allclose(after[GAUSSIAN], before[GAUSSIAN] + 2, atol=1e-5)
    np.testing.assert_allclose(after[1:4], before[1:4], atol=1e-4)


def test_responses_grow_with_contrast(image: Tensor) -> None:
    np.testing.assert_allclose(responses(3 * image), 3 * responses(image), atol=1e-4)


@pytest.mark.parametrize("sigmas", [(1.0,), (0.7, 2.3), (1.0, 2.0, 4.0)])
def test_a_block_has_the_values_of_the_whole_beyond_the_radius(sigmas: tuple[float, ...]) -> None:
    bank = FilterBank(sigmas)
    r = bank.radius_px
    whole_image = torch.randn((1, 1, 2 * r + 50, 2 * r + 60), generator=torch.Generator().manual_seed(1))
    whole = bank(whole_image)
    block = bank(whole_image[..., 5 : 2 * r + 30, 9 : 2 * r + 41])
    torch.testing.assert_close(block[..., r:-r, r:-r], whole[..., r + 5 : r + 30, r + 9 : r + 41], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("sigma", [0.7, 1.0, 2.0])
def test_radius_is_how_far_a_pixel_is_felt(sigma: float) -> None:
    bank = FilterBank((sigma,)).double()
    r = bank.radius_px
    image = torch.randn((1, 1, 4 * r + 1, 4 * r + 1), dtype=torch.float64)
    other = image.clone()
    other[..., 2 * r, 2 * r] += 1000
    felt = (bank(other) != bank(image)).any(dim=1)[0]
    rows = torch.nonzero(felt.any(dim=1)).ravel()
    assert (int(rows.min()), int(rows.max())) == (r, 3 * r)


@pytest.mark.parametrize("shape", [(1, 1), (1, 20), (3, 3), (5, 40)])
def test_sections_smaller_than_the_filter_are_answered_too(shape: tuple[int, int]) -> None:
    found = FilterBank((4.0,))(torch.randn(1, 1, *shape))
    assert found.shape == (1, CHANNELS_PER_SCALE, *shape)
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("sigmas", [(), (0.0,), (1.0, -1.0)])
def test_scales_must_be_positive(sigmas: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="scales must be positive"):
        FilterBank(sigmas)
