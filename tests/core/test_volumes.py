from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.normalise import Normalisation
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.core.volumes import Turns, refuse_unlike, section_offsets, shares
from napari_em_autoclass.core.working import WorkingVolume


def test_shares_follow_the_size_down_to_half_of_an_equal_share() -> None:
    assert shares([5]) == (1.0,)
    assert shares([1, 1]) == (0.5, 0.5)
    large, small = shares([10**9, 1])
    assert small == pytest.approx(0.25)
    assert large == pytest.approx(0.75)
    assert sum(shares([3, 5, 100, 7])) == pytest.approx(1)


def test_turns_keep_the_shares_and_count_each_volume_s_regions() -> None:
    turns = Turns([3000, 100], all_fit=False)
    drawn = [turns[index] for index in range(1200)]
    counts = Counter(volume for volume, _ in drawn)
    assert counts[1] / 1200 == pytest.approx(shares([3000, 100])[1], abs=0.01)
    for volume in (0, 1):
        assert [number for v, number in drawn if v == volume] == list(range(counts[volume]))
    assert {volume for volume, _ in drawn[:8]} == {0, 1}


def test_where_all_fit_each_region_comes_once() -> None:
    turns = Turns([5, 1, 9], all_fit=True)
    assert sorted(turns[index] for index in range(15)) == [
        (v, n) for v, count in enumerate((5, 1, 9)) for n in range(count)
    ]


def test_a_single_volume_has_every_turn() -> None:
    assert [Turns([40], all_fit=False)[index] for index in (0, 1, 55)] == [(0, 0), (0, 1), (0, 55)]


def test_distances_are_the_same_in_nm_in_every_volume() -> None:
    assert section_offsets((2, 6, 11), 8.0, 8.0) == (2, 6, 11)
    assert section_offsets((2, 6, 11), 8.0, 16.0) == (1, 3, 6)
    assert section_offsets((2, 6, 11), 8.0, 50.0) == (1, 1, 2)
    assert section_offsets((1, 2), 50.0, 10.0) == (5, 10)


def test_volumes_of_unlike_pixel_sizes_are_refused() -> None:
    def working(pixel_nm: float) -> WorkingVolume:
        fitted = Normalisation(centre=1, spread=1, section_centre=(1.0,) * 4, section_spread=(1.0,) * 4)
        return WorkingVolume(Volume(np.zeros((4, 8, 8)), (40, pixel_nm, pixel_nm), f"v{pixel_nm:g}"), fitted, (1, 1))

    refuse_unlike([working(8), working(10)])
    with pytest.raises(InputError, match=r"v8 8 nm, v16 16 nm.*working_pixel_nm.*16"):
        refuse_unlike([working(8), working(16)])
