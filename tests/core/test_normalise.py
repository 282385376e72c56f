from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from chunked import CountingStack

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.normalise import Normalisation, NormalisationSettings, fit_normalisation
from napari_em_autoclass.core.volume import Box, Volume

SIZE = (50.0, 4.0, 4.0)

# What other programs make of one 8-bit stack.
COPIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "uint16, spread over the range": lambda grey: grey.astype(np.uint16) * 257,
    "int16, shifted below zero": lambda grey: grey.astype(np.int16) - 128,
    "int32": lambda grey: grey.astype(np.int32),
    "float16": lambda grey: grey.astype(np.float16),
    "float32, 0 to 255": lambda grey: grey.astype(np.float32),
    "float32, 0 to 1": lambda grey: grey.astype(np.float32) / 255,
    "float64, 0 to 1": lambda grey: grey / 255.0,
    "float32, another contrast": lambda grey: grey.astype(np.float32) * np.float32(0.37) + 11,
    "big-endian": lambda grey: grey.astype(">u2"),
}


# A fraction in float32 is off by some 1e-8 of the range, which can move a value by one step of the grid of 1/4096.
INEXACT = ("float32, 0 to 1", "float32, another contrast")


def assert_same(values: np.ndarray, expected: np.ndarray, copy: str) -> None:
    if copy in INEXACT:
        assert np.abs(values - expected).max() <= 1 / 4096
        assert (values != expected).mean() < 0.005
    else:
        assert np.array_equal(values, expected)


def tissue(rng: np.random.Generator, depth: int = 6) -> np.ndarray:
    """Give sections of 40 x 50 pixels that differ in brightness and contrast."""
    gain, offset = rng.uniform(0.7, 1.3, (2, depth, 1, 1))
    return np.clip(rng.normal(0, 30, (depth, 40, 50)) * gain + 100 + 30 * offset, 0, 255).astype(np.uint8)


def normalised(data: Any, settings: NormalisationSettings | None = None) -> np.ndarray:
    volume = Volume(data, SIZE, "mine")
    return fit_normalisation(volume, settings).apply(np.asarray(data), 0)


@pytest.mark.parametrize("per_section", [True, False])
@pytest.mark.parametrize("copy", COPIES)
def test_the_stored_dtype_does_not_matter(rng, copy: str, per_section: bool) -> None:
    grey = tissue(rng)
    settings = NormalisationSettings(per_section=per_section)
    expected = normalised(grey, settings)
    assert expected.std() > 0.5
    assert_same(normalised(COPIES[copy](grey), settings), expected, copy)


@pytest.mark.parametrize("copy", COPIES)
def test_the_stored_dtype_does_not_matter_with_padding_either(rng, copy: str) -> None:
    grey = tissue(rng)
    grey[:, :10] = 0
    grey[:, 30:] = 255
    assert_same(normalised(COPIES[copy](grey)), normalised(grey), copy)


def test_values_are_float32_with_median_zero_and_unit_spread(rng) -> None:
    values = normalised(tissue(rng))
    assert values.dtype == np.float32
    low, centre, high = np.percentile(values, (16, 50, 84))
    assert centre == pytest.approx(0, abs=0.05)
    assert (high - low) / 2 == pytest.approx(1, abs=0.05)


def test_the_order_of_grey_values_is_kept(rng) -> None:
    grey = tissue(rng, depth=1)
    values = normalised(grey)
    order = np.argsort(grey, axis=None)
    assert (np.diff(values.ravel()[order]) >= 0).all()


def test_sections_are_brought_to_one_contrast(rng) -> None:
    section = rng.normal(100, 20, (64, 64))
    stack = np.stack([section, section * 1.3 + 10, section * 0.8 - 5]).astype(np.float32)
    values = normalised(stack)
    np.testing.assert_allclose(values[1], values[0], atol=2e-3)
    np.testing.assert_allclose(values[2], values[0], atol=2e-3)


def test_per_section_off_keeps_their_differences(rng) -> None:
    grey = tissue(rng)
    fitted = fit_normalisation(Volume(grey, SIZE), NormalisationSettings(per_section=False))
    expected = np.clip((grey - fitted.centre) / fitted.spread, -6, 6)
    np.testing.assert_allclose(fitted.apply(grey, 0), expected, atol=1 / 4096)


@pytest.mark.parametrize("value", [0, 3, 100, 255])
def test_a_blank_section_is_not_blown_up(rng, value: int) -> None:
    grey = tissue(rng)
    grey[2] = value
    grey[2, 5, 5] = value + 1 if value < 255 else 254
    volume = Volume(grey, SIZE)
    fitted = fit_normalisation(volume)
    assert fitted.section_spread[2] >= fitted.spread / 2
    assert np.ptp(fitted.apply(grey[2:3], 2)) < 0.2
    # and its neighbours do not notice
    without = np.delete(grey, 2, axis=0)
    np.testing.assert_allclose(
        np.delete(fitted.apply(grey, 0), 2, axis=0),
        fit_normalisation(Volume(without, SIZE)).apply(without, 0),
        atol=0.01,
    )


def test_blank_sections_may_be_the_most(rng) -> None:
    grey = tissue(rng, depth=10)
    grey[:2] = grey[5:] = 0
    values = normalised(grey)
    np.testing.assert_allclose(np.median(values[2:5], axis=(1, 2)), 0, atol=0.05)
    assert not values[:2].std()


def test_a_nearly_constant_stack_is_refused_without_a_false_claim(rng) -> None:
    specks = (rng.random((3, 40, 50)) < 0.04).astype(np.uint8)
    with pytest.raises(InputError, match=r"mine: the stack is constant \(nearly all voxels are 0\)"):
        normalised(specks)


@pytest.mark.parametrize("fill", [0, 255])
@pytest.mark.parametrize("rows", [4, 20, 34])
def test_padding_does_not_shift_the_tissue(rng, fill: int, rows: int) -> None:
    grey = tissue(rng)
    padded = grey.copy()
    padded[:, :rows] = fill
    inside = normalised(padded)[:, rows:]
    np.testing.assert_allclose(np.median(inside, axis=(1, 2)), 0, atol=0.08)
    low, high = np.percentile(inside, (16, 84))
    assert (high - low) / 2 == pytest.approx(1, abs=0.08)


def test_dirt_is_limited(rng) -> None:
    grey = tissue(rng).astype(np.float32)
    grey[0, 0, :2] = 1e6, -1e6
    values = normalised(grey)
    assert values[0, 0, :2].tolist() == [6.0, -6.0]
    assert np.abs(values).max() == 6


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("value", [0, 7])
def test_a_constant_stack_is_refused(dtype: str, value: int) -> None:
    with pytest.raises(InputError, match=rf"mine: the stack is constant .*{value}\)"):
        normalised(np.full((3, 8, 8), value, dtype))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_section_with_holes_is_refused_by_number_when_fitted(rng, bad: float) -> None:
    grey = tissue(rng).astype(np.float32)
    grey[4, 3, 3] = bad
    with pytest.raises(InputError, match="mine: section 4 holds NaN"):
        fit_normalisation(Volume(grey, SIZE, "mine"))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_hole_that_was_not_sampled_is_refused_when_applied(rng, bad: float) -> None:
    grey = tissue(rng).astype(np.float32)
    fitted = fit_normalisation(Volume(grey, SIZE))
    block = grey[2:4].copy()
    block[1, 3, 3] = bad
    with pytest.raises(InputError, match="sections 2 to 3 hold NaN"):
        fitted.apply(block, 2)


def test_blocks_have_the_values_of_the_whole(rng) -> None:
    grey = tissue(rng)
    fitted = fit_normalisation(Volume(grey, SIZE))
    assert np.array_equal(fitted.apply(grey[2:5, 7:20, 3:9], 2), fitted.apply(grey, 0)[2:5, 7:20, 3:9])


class Counted:
    """An array that counts the voxels read from it."""

    def __init__(self, data: np.ndarray) -> None:
        self.data, self.shape, self.dtype, self.n_read, self.sections = data, data.shape, data.dtype, 0, set[int]()

    def __getitem__(self, key: Any) -> np.ndarray:
        block = self.data[key]
        self.n_read += block.size
        self.sections |= set(range(self.shape[0])[key[0]])
        return block


def test_sections_between_the_measured_ones_are_interpolated() -> None:
    rng = np.random.default_rng(1)
    section = rng.normal(100, 20, (32, 32))
    stack = Counted(np.stack([section + z for z in range(9)]).astype(np.float32))
    fitted = fit_normalisation(Volume(stack, SIZE), NormalisationSettings(max_sections=3))
    assert stack.sections == {0, 4, 8}
    np.testing.assert_allclose(np.diff(fitted.section_centre), 1, atol=1e-4)
    assert len(fitted.section_centre) == len(fitted.section_spread) == 9


def test_one_measured_section_serves_for_all(rng) -> None:
    fitted = fit_normalisation(Volume(tissue(rng), SIZE), NormalisationSettings(max_sections=1))
    assert set(fitted.section_centre) == {fitted.centre}


def test_of_large_sections_only_patches_are_read() -> None:
    rng = np.random.default_rng(1)
    # Brighter at one side: the patches together must stand for the whole.
    data = (rng.normal(100, 20, (1, 1200, 1300)) + np.linspace(-20, 20, 1300)).astype(np.float32)
    counted = Counted(data)
    fitted = fit_normalisation(Volume(counted, SIZE))
    assert counted.n_read < data.size / 4
    low, centre, high = np.percentile(data, (16, 50, 84))
    assert fitted.centre == pytest.approx(centre, abs=1)
    assert fitted.spread == pytest.approx((high - low) / 2, rel=0.1)


def test_a_stack_of_one_section_is_enough(rng) -> None:
    assert normalised(tissue(rng, depth=1)).shape == (1, 40, 50)


def test_a_fitted_normalisation_survives_json_with_every_bit(rng) -> None:
    grey = tissue(rng)
    fitted = fit_normalisation(Volume(grey, SIZE))
    back = Normalisation.model_validate_json(fitted.model_dump_json())
    assert back == fitted
    assert np.array_equal(back.apply(grey, 0), fitted.apply(grey, 0))


@pytest.mark.parametrize("max_sections", [0, 100_001])
def test_an_impossible_number_of_sections_is_refused(max_sections: int) -> None:
    with pytest.raises(InputError, match="max_sections"):
        NormalisationSettings().replace(max_sections=max_sections)


def test_a_large_volume_is_fitted_from_some_of_its_chunks_about_as_from_all_of_it() -> None:
    rng = np.random.default_rng(0)
    gain = rng.uniform(0.9, 1.1, (40, 1, 1))
    data = np.clip(rng.normal(100, 30, (40, 400, 400)) * gain, 0, 255).astype(np.uint8)
    whole, part = (fit_normalisation(Volume(data, SIZE), large_bytes=limit) for limit in (10**9, 10**6))
    assert part.centre == pytest.approx(whole.centre, abs=0.03 * whole.spread)
    assert part.spread == pytest.approx(whole.spread, rel=0.03)
    np.testing.assert_allclose(part.section_centre, whole.section_centre, atol=0.1 * whole.spread)


def test_of_a_large_volume_little_is_read_and_damaged_chunks_are_passed_over() -> None:
    stack = CountingStack((2048, 4096, 4096), (64, 64, 64))  # 32 GiB
    fitted = fit_normalisation(Volume(stack, SIZE))
    assert stack.bytes_read <= 128 * 2**20
    assert len(fitted.section_centre) == 2048
    hurt = CountingStack((256, 4096, 4096), (64, 64, 64), bad=((1, 32, 32), (1, 31, 31)))
    assert fit_normalisation(Volume(hurt, SIZE)).centre == pytest.approx(fitted.centre, rel=0.02)
    gone = CountingStack((64, 4096, 8192), (64, 4096, 8192), bad=((0, 0, 0),))
    with pytest.raises(InputError, match="is damaged"):
        fit_normalisation(Volume(gone, SIZE))


def test_sections_that_share_chunks_are_read_together() -> None:
    stack = CountingStack((70, 1024, 1024), (64, 64, 64))
    fitted = fit_normalisation(Volume(stack, SIZE))
    assert max(stack.times_read.values()) <= 2  # where two patches meet
    whole = Volume(stack, SIZE).read(Box.whole((70, 1024, 1024)))
    assert fitted == fit_normalisation(Volume(whole, SIZE))
    stack.bad = {(0, 7, 7)}
    assert fit_normalisation(Volume(stack, SIZE)).centre == pytest.approx(fitted.centre, rel=0.05)
