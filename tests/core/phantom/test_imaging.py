from __future__ import annotations

import numpy as np
import pytest

from napari_em_autoclass.core.phantom.imaging import MODES, SectionLook, Textures, binned, develop, plan_looks

PLAIN = SectionLook((0.0, 0.0), 1.0, 0.0, False)
BAD = SectionLook((0.0, 0.0), 1.0, 0.0, True)


def test_sstem_sections_are_shifted_by_some_pixels_and_stained_differently(rng: np.random.Generator) -> None:
    looks = plan_looks(60, MODES["sstem"], rng)
    shift = np.array([look.shift_yx_nm for look in looks])
    between_neighbours_px = np.abs(np.diff(shift, axis=0)).mean() / 4.0
    assert 1.0 < between_neighbours_px < 6.0
    assert np.abs(shift).max() < 60.0
    assert np.std([look.contrast for look in looks]) > 0.03


def test_fibsem_sections_are_neither_shifted_nor_damaged(rng: np.random.Generator) -> None:
    looks = plan_looks(60, MODES["fibsem"], rng)
    assert all(look.shift_yx_nm == (0.0, 0.0) and not look.is_bad for look in looks)
    offset = np.array([look.offset for look in looks])
    assert np.abs(np.diff(offset)).max() < 0.03


@pytest.mark.parametrize(("count", "bad"), [(7, 0), (8, 1), (60, 1)])
def test_a_stack_of_eight_sections_or_more_has_one_bad_one(count: int, bad: int, rng: np.random.Generator) -> None:
    assert sum(look.is_bad for look in plan_looks(count, MODES["sstem"], rng)) == bad


def test_block_faces_lie_well_but_not_perfectly(rng: np.random.Generator) -> None:
    looks = plan_looks(60, MODES["sbfsem"], rng)
    shift = np.array([look.shift_yx_nm for look in looks])
    assert 0 < np.abs(np.diff(shift, axis=0)).mean() < 0.5 * MODES["sbfsem"].voxel_size_nm[1]
    assert not any(look.is_bad for look in looks)


def test_pixels_are_means_of_what_was_drawn_finer() -> None:
    drawn = np.arange(24, dtype=np.float32).reshape(4, 6)
    np.testing.assert_array_equal(binned(drawn, 2), [[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]])
    np.testing.assert_array_equal(binned(drawn, 1), drawn)


@pytest.mark.parametrize("mode", ["sstem", "fibsem", "sbfsem"])
def test_developing_keeps_brightness_and_adds_noise(mode: str, rng: np.random.Generator) -> None:
    raw, hidden = develop(np.full((200, 200), 0.5, np.float32), PLAIN, MODES[mode], rng)
    assert raw.dtype == np.uint8
    assert not hidden.any()
    assert raw.mean() == pytest.approx(127.5, abs=4.0)
    expected = 255 * np.hypot(MODES[mode].noise, MODES[mode].blotches)
    assert raw.std() == pytest.approx(expected, rel=0.4)


def test_noise_is_correlated_over_neighbouring_pixels(rng: np.random.Generator) -> None:
    raw, _ = develop(np.full((200, 200), 0.5, np.float32), PLAIN, MODES["sstem"], rng)
    assert np.corrcoef(raw[:, 1:].ravel(), raw[:, :-1].ravel())[0, 1] > 0.3


def test_damage_hides_some_of_a_bad_section(rng: np.random.Generator) -> None:
    raw, hidden = develop(np.full((200, 200), 0.6, np.float32), BAD, MODES["sstem"], rng)
    assert 0.02 < hidden.mean() < 0.25
    assert raw[hidden].mean() < raw[~hidden].mean() - 30


@pytest.mark.parametrize(("mode", "alike"), [("sstem", False), ("fibsem", True)])
def test_grain_goes_on_into_the_next_section_only_if_it_is_near(
    mode: str, alike: bool, rng: np.random.Generator
) -> None:
    textures = Textures((128, 128), MODES[mode], rng)
    first, second = textures.section(), textures.section()
    correlation = np.corrcoef(first.coarse.ravel(), second.coarse.ravel())[0, 1]
    assert (correlation > 0.5) == alike
