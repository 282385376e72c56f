from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.filters import blurred
from napari_em_autoclass.core.registration import section_drift, shift_between


def tissue(seed: int = 0) -> Tensor:
    """Give something with structures of a few pixels, (1, 1, 160, 160)."""
    image = torch.randn(1, 1, 160, 160, generator=torch.Generator().manual_seed(seed))
    smooth = blurred(image, 3.0)
    return smooth / smooth.std()


def stack(positions: list[tuple[int, int]], noise: float = 0.5) -> Tensor:
    """Give sections (S, 96, 96) of the same tissue, what is at (y, x) of the first at ``(y, x) + position``."""
    whole = tissue()[0, 0]
    generator = torch.Generator().manual_seed(1)
    cuts = [whole[32 - dy : 128 - dy, 32 - dx : 128 - dx] for dy, dx in positions]
    return torch.stack([cut + noise * torch.randn(cut.shape, generator=generator) for cut in cuts])


@pytest.mark.parametrize("shift", [(0, 0), (3, -5), (-12, 7), (0, 12)])
def test_a_shift_is_found_to_the_pixel(shift: tuple[int, int]) -> None:
    first, second = blurred(stack([(0, 0), shift])[:, None], 3.0)[:, 0]
    assert shift_between(first, second, reach=16) == shift


def test_drift_adds_up_along_the_stack() -> None:
    positions = [(0, 0), (4, -3), (4, 2), (-5, 6)]
    drift = section_drift(stack(positions), pixel_nm=8.0, reach_nm=120.0)
    assert [tuple(row) for row in drift.tolist()] == positions


def test_what_is_beyond_reach_is_not_looked_for() -> None:
    drift = section_drift(stack([(0, 0), (12, 0)]), pixel_nm=8.0, reach_nm=40.0)
    assert abs(int(drift[1, 0])) <= 5


def test_reach_is_in_nanometres() -> None:
    sections = stack([(0, 0), (12, 0)])
    assert section_drift(sections, 16.0, 200.0)[1].tolist() == [12, 0]
    assert section_drift(sections, 16.0, 0.0).tolist() == [[0, 0], [0, 0]]


def test_sections_with_nothing_in_common_stay_where_they_are() -> None:
    damaged = torch.stack([tissue()[0, 0, :96, :96], torch.zeros(96, 96)])
    assert section_drift(damaged, 8.0, 80.0)[1].tolist() == [0, 0]
    for seed in range(5):
        unlike = torch.randn(4, 64, 64, generator=torch.Generator().manual_seed(seed))
        assert section_drift(unlike, 8.0, 80.0).abs().max() == 0
