from __future__ import annotations

import numpy as np
import pytest
from chunked import CountingStack

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.held_boxes import read_together, stored_bytes
from napari_em_autoclass.core.volume import Box, Volume

SHAPE = (40, 64, 64)
BOXES = [Box(3, 20, 4, 30, 0, 20), Box(6, 25, 10, 60, 22, 64)]


def counting(chunks: tuple[int, int, int] = (8, 16, 16), bad: tuple[tuple[int, int, int], ...] = ()) -> Volume:
    return Volume(CountingStack(SHAPE, chunks, bad), (8, 8, 8))


@pytest.mark.parametrize("most_bytes", [10**9, 40_000, 100])
@pytest.mark.parametrize("chunks", [(8, 16, 16), (1, 64, 64)])
def test_what_is_held_is_what_is_stored_whatever_the_memory(chunks: tuple[int, int, int], most_bytes: int) -> None:
    plain = counting(chunks)
    held = read_together(counting(chunks), BOXES, most_bytes)
    for box in (*BOXES, Box(4, 9, 10, 20, 2, 9), Box(30, 40, 0, 64, 3, 5)):
        np.testing.assert_array_equal(held.read(box), plain.read(box))


@pytest.mark.parametrize("most_bytes", [10**9, 40_000])
def test_a_chunk_that_boxes_share_is_read_once(most_bytes: int) -> None:
    volume = counting((1, 64, 64))
    held = read_together(volume, BOXES, most_bytes)
    for box in BOXES:
        held.read(box)
    assert volume.data.times_read == {(z, 0, 0): 1 for z in range(3, 25)}


def test_what_lies_outside_is_read_where_it_was() -> None:
    volume = counting()
    held = read_together(volume, BOXES[:1], 10**9)
    before = volume.data.bytes_read
    held.read(Box(3, 20, 4, 30, 0, 20))
    assert volume.data.bytes_read == before
    held.read(Box(3, 21, 4, 30, 0, 20))
    assert volume.data.bytes_read > before


def test_a_damaged_chunk_is_said() -> None:
    with pytest.raises(InputError, match=r"chunk .* is damaged"):
        read_together(counting(bad=((1, 1, 1),)), BOXES, 10**9)


def test_bytes_are_those_of_the_voxels() -> None:
    assert stored_bytes(Volume(np.zeros((2, 3, 4), np.float32), (1, 1, 1))) == 96
