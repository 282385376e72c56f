"""Windows at the same places of two maps."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.losses.cycle_windows import Windows, cut_windows

H, W = 12, 20


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def maps() -> tuple[Tensor, Tensor]:
    """Give two maps whose features are the place of the pixel, and the same less 1000."""
    places = torch.arange(2 * H * W).reshape(2, 1, H, W).float().expand(2, 3, H, W)
    return places, places - 1000


def cut(mask: Tensor | None = None, n: int = 5, size: int = 8) -> Windows | None:
    return cut_windows(maps(), torch.ones(2, H, W, dtype=torch.bool) if mask is None else mask, n, size, generator())


def test_windows_are_blocks_of_one_tile_in_reading_order() -> None:
    windows = cut()
    assert windows is not None
    assert windows.own.shape == windows.other.shape == (5, 64, 3)
    for own in windows.own[:, :, 0]:
        tile, y, x = int(own[0]) // (H * W), int(own[0]) % (H * W) // W, int(own[0]) % W
        assert torch.equal(own, maps()[0][tile, 0, y : y + 8, x : x + 8].flatten())
    assert torch.equal(windows.other, windows.own - 1000)
    assert windows.valid.all()


def test_the_middle_half_is_asked() -> None:
    windows = cut()
    assert windows is not None
    assert windows.asked.tolist() == [8 * y + x for y in range(2, 6) for x in range(2, 6)]


def test_positions_are_in_sides_of_a_window() -> None:
    windows = cut()
    assert windows is not None
    assert windows.positions[0].tolist() == [0, 0]
    assert windows.positions[8].tolist() == [1 / 8, 0]
    assert windows.positions[-1].tolist() == [7 / 8, 7 / 8]


def test_a_map_smaller_than_a_window_is_one() -> None:
    windows = cut(n=3, size=16)
    assert windows is not None
    assert windows.own.shape == (3, 12 * 16, 3)
    assert windows.positions[-1].tolist() == [11 / 16, 15 / 16]


def test_pixels_outside_the_mask_are_not_valid_and_each_window_has_one_that_is() -> None:
    mask = torch.rand((2, H, W), generator=generator(1)) > 0.8
    windows = cut(mask, n=40)
    assert windows is not None
    assert windows.valid.any(dim=1).all()
    assert torch.equal(windows.valid, mask.flatten()[windows.own[:, :, 0].long()])


def test_without_a_pixel_that_may_look_there_are_no_windows() -> None:
    assert cut(torch.zeros(2, H, W, dtype=torch.bool)) is None
    corner = torch.zeros(2, H, W, dtype=torch.bool)
    corner[0, 0, 0] = True
    assert cut(corner) is None


@pytest.mark.parametrize(("given", "wanted"), [(torch.float16, torch.float32), (torch.float64, torch.float64)])
def test_features_are_widened_but_never_narrowed(given: torch.dtype, wanted: torch.dtype) -> None:
    mask = torch.ones(2, H, W, dtype=torch.bool)
    windows = cut_windows((maps()[0].to(given), maps()[1].to(given)), mask, 3, 8, generator())
    assert windows is not None
    assert {windows.own.dtype, windows.other.dtype, windows.positions.dtype} == {wanted}
