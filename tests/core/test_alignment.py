from __future__ import annotations

import numpy as np
import pytest

from napari_em_autoclass.core.alignment import Alignment, measure_alignment
from napari_em_autoclass.core.volume import Volume

SIZE = (40.0, 4.0, 4.0)


def stack(shifts_px: list[int]) -> Volume:
    """Cut one blurred image at places that move along y."""
    rng = np.random.default_rng(0)
    spots = rng.standard_normal((400, 400))
    for axis in (0, 1):
        spots = sum(np.roll(spots, s, axis) for s in range(-6, 7))
    places = 100 + np.cumsum(shifts_px)
    data = np.stack([spots[y : y + 200, 100:300] for y in places])
    return Volume((data + 0.1 * rng.standard_normal(data.shape)).astype(np.float32), SIZE)


def test_shifts_are_found_in_nm_and_where_the_largest_is() -> None:
    found = measure_alignment(stack([0, 4, 4, 4, 20, 4, 4]))
    assert found.typical_nm == pytest.approx(16, abs=8)
    assert found.largest_nm == pytest.approx(80, abs=8)
    assert (found.z, found.n_pairs) == (3, 6)
    assert not found.is_warning
    assert "at most 80 nm between sections 3 and 4; this is allowed for" in found.sentence


def test_a_shift_beyond_what_is_allowed_for_is_a_warning() -> None:
    found = measure_alignment(stack([0, 0, 0, 20, 0]), allowed_nm=40)
    assert found.is_warning
    assert (
        found.sentence
        == "Shifted by 80 nm between sections 2 and 3, more than the 40 nm allowed for: align the stack first."
    )


def test_a_damaged_section_is_no_misalignment() -> None:
    volume = stack([0, 0, 0, 20, -20, 0])
    assert measure_alignment(volume, left_out=[3]).largest_nm == 0
    assert "Well aligned" in measure_alignment(volume, left_out=[3]).sentence


def test_few_pairs_stand_for_a_deep_stack_and_each_is_reported() -> None:
    fractions: list[float] = []
    found = measure_alignment(stack([0] * 12), n_pairs=4, report=fractions.append)
    assert found.n_pairs == 4
    assert fractions[-1] == 1.0


def test_without_sound_neighbours_it_says_so() -> None:
    assert "Too few" in measure_alignment(stack([0, 0]), left_out=[1]).sentence
    assert not Alignment(0, 0, 0, 0, 160).is_warning
