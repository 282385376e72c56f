"""Blocks tile the stack, and unusable ids are refused with their reason."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.scores.stream import iter_blocks, open_ids, read_ids
from napari_em_autoclass.core.volume import Box

WHOLE = Box(0, 2, 0, 3, 0, 4)


@given(st.tuples(*[st.integers(1, 9)] * 3), st.integers(1, 200))
def test_blocks_cover_each_voxel_once_and_stay_small(shape, block_voxels):
    seen = np.zeros(shape, dtype=int)
    after = 0
    for box in iter_blocks(shape, block_voxels):
        seen[box.slices] += 1
        assert np.prod(box.shape) <= max(block_voxels, shape[2])
        assert box.z0 in (0, after)  # within a band the boxes follow each other
        after = box.z1
    assert (seen == 1).all()


def test_ids_come_back_as_they_are():
    ids = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    assert read_ids(open_ids(ids, "labels"), WHOLE, 100).tolist() == ids.tolist()
    assert read_ids(open_ids(ids > 3, "labels"), WHOLE, 100).dtype == np.uint8


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (np.zeros((2, 3, 4), np.float32), "labels: pixels of dtype float32 are no ids"),
        (np.zeros((3, 4), np.uint8), "expected a stack"),
    ],
)
def test_an_array_without_ids_is_refused(ids, message):
    with pytest.raises(InputError, match=message):
        open_ids(ids, "labels")


@pytest.mark.parametrize(("value", "message"), [(-1, "id -1 is negative"), (101, "id 101 is above 100")])
def test_an_id_out_of_range_is_refused(value, message):
    volume = open_ids(np.full((2, 3, 4), value), "labels")
    with pytest.raises(InputError, match=message):
        read_ids(volume, WHOLE, 100)
