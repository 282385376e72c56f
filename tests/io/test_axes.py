"""Axes are explicit and checked."""

from __future__ import annotations

import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.axes import as_zyx, choose_axes, parse_axes


def test_letters_and_chosen_indices_are_read():
    axes = parse_axes("t[2]czyx")
    assert (axes.letters, axes.picks, axes.kept) == ("TCZYX", (2, None, None, None, None), "CZYX")


@pytest.mark.parametrize(
    ("shape", "letters"), [((1, 5, 6, 7), "CZYX"), ((1, 1, 5, 6, 7), "TCZYX"), ((5, 6, 7, 1), "ZYXC")]
)
def test_axes_of_length_one_drop_out(shape, letters):
    data = np.arange(5 * 6 * 7).reshape(shape)
    stack = as_zyx(data, choose_axes(shape, letters, None, "s"))
    assert stack.shape == (5, 6, 7)
    np.testing.assert_array_equal(stack[:, :, :], data.reshape(5, 6, 7))


@pytest.mark.parametrize(("shape", "letters"), [((2, 5, 6, 7), "CZYX"), ((3, 5, 6, 7), "TZYX"), ((5, 6, 7, 3), "ZYXC")])
def test_longer_axes_must_be_chosen(shape, letters):
    with pytest.raises(InputError, match=r"choose one, e.g. axes .*\[0\]"):
        choose_axes(shape, letters, None, "s")


def test_a_choice_outside_the_axis_is_refused():
    with pytest.raises(InputError, match=r"axis C has 2 entries \(0 to 1\)"):
        choose_axes((2, 5, 6, 7), "CZYX", "C[2]ZYX", "s")


def test_the_user_stands_above_the_file():
    assert choose_axes((5, 6, 7), "TYX", "ZYX", "s").letters == "ZYX"


def test_time_points_are_not_taken_for_sections_unasked():
    with pytest.raises(InputError, match=r"calls its axes TYX .* say so with axes, e.g. ZYX"):
        choose_axes((5, 6, 7), "TYX", None, "s")


def test_one_axis_without_a_meaning_is_the_axis_of_sections():
    assert choose_axes((5, 6, 7), "QYX", None, "s").letters == "ZYX"


def test_more_letters_than_axes_are_fine_where_the_file_leaves_out_axes_of_length_one():
    assert choose_axes((5, 6, 7), "ZYX", "TCZYX", "s").letters == "ZYX"


def test_fewer_letters_than_axes_are_refused():
    with pytest.raises(InputError, match="name 3 axes"):
        choose_axes((1, 5, 6, 7), None, "ZYX", "s")


def test_a_turned_stack_takes_integers_slices_and_ellipsis():
    data = np.arange(2 * 7 * 6 * 5).reshape(2, 7, 6, 5)
    turned = as_zyx(data, choose_axes(data.shape, None, "C[1]XYZ", "s"))
    expected = data[1].T
    assert turned.shape == expected.shape == (5, 6, 7)
    for key in [3, (slice(1, 3), 2), (..., 4), (slice(None), slice(2, 5), slice(-3, None)), (0, 0, -1)]:
        np.testing.assert_array_equal(turned[key], expected[key])
