"""A plane across the sections: what is not known looks like the nearest that is."""

from __future__ import annotations

import numpy as np

from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.gui.live_cut import LiveCut

BOX = Box(2, 10, 4, 6, 0, 5)


def strips(*values: int) -> np.ndarray:
    return np.array(values, np.uint8)[:, None, None] * np.ones((1, 2, 5), np.uint8)


def painted(cut: LiveCut, known: tuple[int, ...] = ()) -> list[int]:
    """Paint the cut on a stack of 12 sections whose known ones hold 99; return the middle voxel of each."""
    block, mask = np.zeros((12, 2, 5), np.uint8), np.zeros(12, bool)
    block[list(known)], mask[list(known)] = 99, True
    cut.paint_on(block, (0, 4, 0), mask)
    assert (block == block[:, :1, :1]).all()
    return block[:, 1, 2].tolist()


def test_unknown_sections_look_like_the_nearest_known_one() -> None:
    cut = LiveCut(BOX)
    assert painted(cut) == [0] * 12
    cut.put((2, 8), strips(1, 3))
    assert painted(cut) == [0, 0, 1, 1, 1, 3, 3, 3, 3, 3, 0, 0]
    cut.put((5,), strips(2))
    assert painted(cut) == [0, 0, 1, 1, 2, 2, 2, 3, 3, 3, 0, 0]


def test_what_is_known_otherwise_is_not_painted_over_by_a_guess() -> None:
    cut = LiveCut(BOX)
    cut.put((2, 8), strips(1, 3))
    assert painted(cut, known=(1, 4, 8)) == [0, 99, 1, 1, 99, 3, 3, 3, 3, 3, 0, 0]


def test_only_the_part_inside_the_block_is_painted() -> None:
    cut = LiveCut(BOX)
    cut.put((2, 9), strips(1, 3))
    block = np.zeros((3, 1, 9), np.uint8)
    cut.paint_on(block, (8, 5, 3), np.zeros(3, bool))
    np.testing.assert_array_equal(block[:, 0], [[3, 3, 0, 0, 0, 0, 0, 0, 0]] * 2 + [[0] * 9])
    cut.paint_on(far := np.zeros((3, 1, 9), np.uint8), (8, 6, 3), np.zeros(3, bool))
    assert not far.any()


def test_a_guess_is_no_value() -> None:
    cut = LiveCut(BOX)
    cut.put((3,), strips(7))
    assert [cut.value(z, 5, 2) for z in (0, 2, 3, 4, 10)] == [None, None, 7, None, None]
    assert cut.covers(4, 4)
    assert not cut.covers(6, 0)
    assert cut.nbytes == 8 * 2 * 5


def test_numbers_can_change() -> None:
    cut = LiveCut(BOX)
    cut.put((3,), strips(7))
    table = np.arange(256, dtype=np.uint8)
    table[7] = 2
    cut.renumber(table)
    assert cut.value(3, 4, 0) == 2
