"""The held-out bank: each kind of channel answers to what it is named after."""

import numpy as np
import pytest

from napari_em_autoclass.core.scores.held_out_bank import CHANNELS, held_out_features


def channel(section, name):
    return held_out_features(section)[CHANNELS.index(name)]


@pytest.fixture
def noise():
    return np.random.default_rng(0).normal(100, 20, (40, 48))


def test_twelve_finite_channels(noise):
    features = held_out_features(noise)
    assert len(CHANNELS) == 12
    assert features.shape == (12, 40, 48)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


def test_contrast_and_brightness_don_t_matter(noise):
    np.testing.assert_allclose(held_out_features(noise * 3 + 1000), held_out_features(noise), atol=1e-4)


def test_integers_give_the_same_as_floats(noise):
    section = noise.astype(np.uint8)
    np.testing.assert_array_equal(held_out_features(section), held_out_features(section.astype(np.float64)))


@pytest.mark.parametrize("value", [0, 7, 65535])
def test_a_constant_section_gives_zeros(value):
    assert not held_out_features(np.full((20, 20), value, np.uint16)).any()


def test_pixels_that_are_no_numbers_don_t_spread(noise):
    noise[3, 4] = np.nan
    assert np.isfinite(held_out_features(noise)).all()


def test_a_blob_is_a_minimum_of_the_laplacian():
    z, y = np.mgrid[-20:21, -20:21]
    laplacian = channel(np.exp(-(z**2 + y**2) / (2 * 3.0**2)), "log 3.0")
    assert np.unravel_index(laplacian.argmin(), laplacian.shape) == (20, 20)


def test_stripes_are_coherent_and_noise_is_not(noise):
    stripes = np.tile(np.sin(np.arange(48) / 2), (40, 1))
    assert channel(stripes, "coherence 3.0").min() > 0.99
    assert np.median(channel(noise, "coherence 3.0")) < 0.3


def test_deviation_is_large_where_the_image_is_rough(noise):
    noise[:, :24] = 100
    deviation = channel(noise, "deviation 1.5")
    assert deviation[:, :16].max() < 0.1 < deviation[:, 32:].min()


def test_percentiles_are_in_order(noise):
    low, middle, high = held_out_features(noise)[-3:]
    assert (low <= middle).all()
    assert (middle <= high).all()
