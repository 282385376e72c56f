"""Crumbs get the class of what surrounds them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.refinement.small_pieces import without_small_pieces


def test_a_crumb_gets_the_class_around_it_and_a_large_piece_stays() -> None:
    classes = np.full((20, 20), 1, np.uint8)
    classes[3:5, 3:5], classes[10:18, 10:18] = 2, 3
    found = without_small_pieces(classes, 5)
    assert found.dtype == np.uint8
    assert set(np.unique(found)) == {1, 3}
    assert np.array_equal(found == 3, classes == 3)


def test_pieces_that_touch_at_a_corner_are_two() -> None:
    classes = np.ones((6, 6), np.uint8)
    classes[1:3, 1:3] = classes[3:5, 3:5] = 2
    assert (without_small_pieces(classes, 8) == 1).all()
    assert np.array_equal(without_small_pieces(classes, 4), classes)


@pytest.mark.parametrize("least", [2, 9, 40])
def test_the_pieces_that_remain_are_large_and_those_that_were_large_remain(
    least: int, rng: np.random.Generator
) -> None:
    classes = (ndimage.gaussian_filter(rng.random((60, 60)), 2.0) * 60).astype(np.uint8) % 4
    found = without_small_pieces(classes, least)
    for class_id in np.unique(classes):
        before, after = ndimage.label(classes == class_id)[0], ndimage.label(found == class_id)[0]
        assert np.bincount(after.ravel())[1:].min(initial=least) >= least
        large = np.isin(before, 1 + np.flatnonzero(np.bincount(before.ravel())[1:] >= least))
        assert (found[large] == class_id).all()


def test_one_pixel_as_least_changes_nothing(rng: np.random.Generator) -> None:
    classes = rng.integers(0, 5, (9, 9), dtype=np.uint8)
    assert np.array_equal(without_small_pieces(classes, 1), classes)


def test_a_map_of_crumbs_alone_stays_as_it_is() -> None:
    classes = np.indices((8, 8)).sum(axis=0) % 2
    assert np.array_equal(without_small_pieces(classes, 5), classes)


def test_in_a_block_pieces_are_counted_in_3d() -> None:
    classes = np.ones((4, 9, 9), np.uint8)
    classes[:, 4, 4] = 2
    assert np.array_equal(without_small_pieces(classes, 4), classes)
    assert (without_small_pieces(classes, 5) == 1).all()
    assert (without_small_pieces(classes[0], 4) == 1).all()


def test_a_least_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="give 1 or more"):
        without_small_pieces(np.ones((2, 2), int), 0)
