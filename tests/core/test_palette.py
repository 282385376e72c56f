"""The palette, measured with scikit-image's CIE Lab and CIEDE2000 instead of our own."""

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.palette import _farthest_colors, checked_color, default_colors

# Vienot, Brettel & Mollon (1999), Color Research & Application 24, 243: dichromacy of linear RGB as one matrix.  A
# different model from that of the palette, so that the test doesn't repeat its assumptions.
VIENOT = {
    "protanopia": [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]],
    "deuteranopia": [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]],
}


def rgb(colors):
    return np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in colors])


def seen_by(colors, eye):
    value = rgb(colors)
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.transpose(VIENOT[eye]), 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def smallest_gap(colors, distance=lambda a, b: np.linalg.norm(a - b, axis=-1)):
    lab = rgb2lab(colors)
    return distance(lab[:, None], lab[None])[np.triu_indices(len(lab), 1)].min()


def test_first_twenty_are_far_apart_for_trichromats():
    assert smallest_gap(rgb(default_colors(20))) > 25
    assert smallest_gap(rgb(default_colors(20)), deltaE_ciede2000) > 8


@pytest.mark.parametrize("eye", sorted(VIENOT))
def test_first_twenty_are_apart_in_colour_blind_eyes(eye):
    # 2.3 is the just noticeable difference of CIE76; matplotlib's tab20 falls to 3 and below (next test).
    assert smallest_gap(seen_by(default_colors(20), eye)) > 10


@pytest.mark.parametrize("eye", sorted(VIENOT))
def test_the_threshold_tells_a_common_palette_apart(eye):
    matplotlib = pytest.importorskip("matplotlib", reason="tab20 comes with matplotlib")
    tab20 = [matplotlib.colors.to_hex(c) for c in matplotlib.colormaps["tab20"].colors]
    assert smallest_gap(seen_by(tab20, eye)) < 6


def test_first_twenty_stand_off_grey_images_and_both_themes():
    lab = rgb2lab(rgb(default_colors(20)))
    assert np.hypot(lab[:, 1], lab[:, 2]).min() > 25  # no grey
    assert lab[:, 0].min() > 25  # napari's dark background has L* = 16
    assert lab[:, 0].max() < 92  # its light one 100


def test_all_254_are_different_and_apart():
    colors = default_colors(254)
    assert len(set(colors)) == 254
    assert smallest_gap(rgb(colors)) > 5


@pytest.mark.parametrize("n", [1, 2, 7, 19, 20, 21, 50])
def test_a_small_palette_begins_a_large_one(n):
    assert default_colors(n) == default_colors(60)[:n]


def test_written_out_colours_follow_from_the_first_seven():
    first = default_colors(7)
    assert _farthest_colors(first, 20) == default_colors(20)


@pytest.mark.parametrize("n", [0, -1, 255])
def test_numbers_without_a_palette_are_refused(n):
    with pytest.raises(InputError, match="1 to 254"):
        default_colors(n)


def test_a_colour_is_checked_and_lowered():
    assert checked_color("#AbCdEf") == "#abcdef"


@pytest.mark.parametrize("bad", ["red", "#fff", "#12345g", "123456", "#1234567", 7])
def test_a_colour_in_another_form_is_refused(bad):
    with pytest.raises(InputError, match="#rrggbb"):
        checked_color(bad)
