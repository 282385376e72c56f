from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.filters import FilterBank, blurred
from napari_em_autoclass.core.losses.images import blurred_within, filled, filter_rows, pooled, wide, within


@pytest.fixture
def image() -> Tensor:
    return torch.randn((2, 20, 26), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def mask() -> Tensor:
    mask = torch.zeros(2, 20, 26, dtype=torch.bool)
    mask[:, 3:-3, 3:-3] = True
    return mask


ALL = torch.ones(2, 20, 26, dtype=torch.bool)


def test_wide_keeps_double_and_widens_half() -> None:
    assert wide(torch.ones(1, dtype=torch.float64)).dtype == torch.float64
    assert wide(torch.ones(1, dtype=torch.float16)).dtype == torch.float32


def test_within_is_zero_outside_even_of_what_is_not_a_number(image: Tensor, mask: Tensor) -> None:
    spoilt = torch.where(mask, image, torch.nan)[:, None]
    assert torch.equal(within(spoilt, mask)[:, 0], image * mask)


def test_blur_without_a_mask_is_the_blur_of_the_filters(image: Tensor) -> None:
    torch.testing.assert_close(blurred_within(image, ALL, 1.0), blurred(image[:, None], 1.0)[:, 0])


def test_blur_of_a_flat_image_is_flat_up_to_the_border_of_the_mask(mask: Tensor) -> None:
    out = blurred_within(torch.full((2, 20, 26), 3.0), mask, 2.0)
    torch.testing.assert_close(out[mask], torch.full((int(mask.sum()),), 3.0))
    assert (out[~mask] == 0).all()


def test_blur_of_zero_width_changes_nothing(image: Tensor, mask: Tensor) -> None:
    assert torch.equal(blurred_within(image, mask, 0.0), image * mask)


def test_filling_keeps_what_is_valid_and_continues_a_flat_image(image: Tensor, mask: Tensor) -> None:
    assert torch.equal(filled(image, mask)[mask], image[mask])
    torch.testing.assert_close(filled(torch.full((2, 20, 26), 3.0), mask), torch.full((2, 20, 26), 3.0))


def test_filling_far_from_any_valid_pixel_gives_the_mean() -> None:
    mask = torch.zeros(1, 60, 60, dtype=torch.bool)
    mask[:, :4, :4] = True
    image = torch.where(mask, 2.0, 50.0)
    assert filled(image, mask)[0, -1, -1] == pytest.approx(2.0)


def test_a_wholly_masked_image_is_filled_with_zeros(image: Tensor, mask: Tensor) -> None:
    assert (filled(image, torch.zeros_like(mask)) == 0).all()


def test_rows_are_those_of_the_filter_bank_standardised(image: Tensor) -> None:
    places = torch.tensor([0, 30, 519, 520, 900])
    got = filter_rows(image, ALL, places, (8.0, 32.0), (50.0, 16.0))
    rows = FilterBank((1.0, 2.0))(image[:, None]).movedim(1, -1).flatten(0, 2)[places]
    torch.testing.assert_close(got, (rows - rows.mean(dim=0)) / rows.std(dim=0, unbiased=False))


def test_rows_ignore_masked_pixels(image: Tensor, mask: Tensor) -> None:
    places = mask.flatten().nonzero().flatten()[::7]
    ours, theirs = (filter_rows(x, mask, places, (16.0,), (8.0, 8.0)) for x in (image, torch.where(mask, image, 7.0)))
    assert torch.equal(ours, theirs)


def test_pooling_is_the_mean_of_the_valid_pixels_of_a_block(image: Tensor) -> None:
    mask = torch.rand((2, 20, 26), generator=torch.Generator().manual_seed(1)) > 0.4
    means, share = pooled(image[:, None], mask, 8)
    assert means.shape == (2, 1, 3, 4)
    block, valid = image[1, 8:16, 16:24], mask[1, 8:16, 16:24]
    assert float(means[1, 0, 1, 2]) == pytest.approx(float(block[valid].mean()), abs=1e-6)
    assert float(share[1, 1, 2]) == pytest.approx(float(valid.float().mean()))


def test_pooling_counts_what_lies_beyond_the_image_as_not_valid() -> None:
    means, share = pooled(torch.full((1, 1, 9, 8), 2.0), torch.ones(1, 9, 8, dtype=torch.bool), 8)
    assert means.flatten().tolist() == [2.0, 2.0]
    assert share.flatten().tolist() == [1.0, 0.125]


def test_pooling_over_nothing_is_zero(image: Tensor, mask: Tensor) -> None:
    means, share = pooled(image[:, None], torch.zeros_like(mask), 8)
    assert (means == 0).all()
    assert (share == 0).all()
