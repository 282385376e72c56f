"""Pyramids of labels."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from napari_em_autoclass.io.pyramid import boxes, build_level, level_factors, most_frequent


def naive(labels, factors):
    fz, fy, fx = factors
    padded = np.pad(labels, [(0, -n % f) for n, f in zip(labels.shape, factors, strict=True)], mode="edge")
    out = np.empty([n // f for n, f in zip(padded.shape, factors, strict=True)], labels.dtype)
    for z, y, x in np.ndindex(out.shape):
        cell = padded[z * fz : (z + 1) * fz, y * fy : (y + 1) * fy, x * fx : (x + 1) * fx].ravel().tolist()
        counts = Counter(cell)
        out[z, y, x] = max(cell, key=lambda label: (counts[label], -cell.index(label)))
    return out


@pytest.mark.parametrize("factors", [(1, 2, 2), (2, 2, 2), (2, 1, 1), (1, 1, 1)])
@given(st.integers(0, 2**32 - 1), st.tuples(*[st.integers(1, 5)] * 3), st.integers(1, 6))
def test_the_most_frequent_label_wins_as_counted_by_hand(factors, seed, shape, n_labels):
    labels = np.random.default_rng(seed).integers(0, n_labels, shape, dtype=np.uint8)
    np.testing.assert_array_equal(most_frequent(labels, factors), naive(labels, factors))


def test_no_label_appears_that_was_not_there():
    labels = np.array([[[1, 9], [9, 1]]], np.uint8)
    assert most_frequent(labels, (1, 2, 2)).tolist() == [[[1]]]


@pytest.mark.parametrize(
    ("size_nm", "factors"),
    [
        ((10, 10, 10), [(1, 1, 1), (2, 2, 2), (4, 4, 4)]),
        ((50, 4, 4), [(1, 1, 1), (1, 2, 2), (1, 4, 4)]),
        ((15, 10, 10), [(1, 1, 1), (2, 2, 2), (4, 4, 4)]),
        ((20, 10, 10), [(1, 1, 1), (1, 2, 2), (2, 4, 4)]),
        ((5, 10, 10), [(1, 1, 1), (2, 2, 2), (4, 4, 4)]),
    ],
)
def test_thick_sections_wait_until_y_and_x_have_caught_up(size_nm, factors):
    assert level_factors((100, 1024, 1000), size_nm) == factors


def test_a_small_map_has_one_level():
    assert level_factors((100, 256, 256), (10, 10, 10)) == [(1, 1, 1)]


def test_boxes_fill_the_grid_once():
    counts = np.zeros((5, 7, 9), int)
    for box in boxes((5, 7, 9), (2, 3, 4)):
        counts[box.slices] += 1
    assert (counts == 1).all()


def test_a_level_built_in_chunks_is_the_level_built_at_once():
    labels = np.random.default_rng(0).integers(0, 4, (9, 21, 17), dtype=np.uint8)
    finer = zarr.create_array({}, data=labels, chunks=(4, 8, 8))
    coarser = zarr.create_array({}, shape=(5, 11, 9), chunks=(2, 4, 5), dtype="u1")
    build_level(finer, coarser, (2, 2, 2))
    np.testing.assert_array_equal(coarser[:], most_frequent(labels, (2, 2, 2)))
