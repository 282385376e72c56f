"""A LiveMap must read like the NumPy array it stands for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_em_autoclass.gui.live_map import LiveMap

SHAPE = (5, 7, 9)


def filled(rng: np.random.Generator) -> tuple[LiveMap, np.ndarray]:
    """Give a map and the array it should look like, after overlapping patches."""
    live, plain = LiveMap(SHAPE), np.zeros(SHAPE, np.uint8)
    for z, y, x, h, w in [(1, 0, 0, 7, 9), (1, 2, 3, 4, 4), (3, 1, 1, 3, 5), (3, 2, 0, 4, 9), (4, 6, 8, 1, 1)]:
        patch = rng.integers(1, 255, (h, w), dtype=np.uint8)
        live.put(z, (y, x), patch)
        plain[z, y : y + h, x : x + w] = patch
    return live, plain


@pytest.mark.parametrize(
    "key",
    [
        (slice(None),) * 3,
        1,
        (1,),
        (3, slice(None), slice(None)),
        (slice(None), 3, slice(None)),
        (slice(None), slice(None), 4),
        (3, 2, 4),
        (np.int64(3), slice(1, 6, 2), slice(None, None, -1)),
        (slice(4, None, -2), slice(5, 1, -1), slice(1, 8, 3)),
        (..., 2),
        (-1, ...),
        (slice(0, 0), slice(None), slice(3, 3)),
    ],
    ids=str,
)
def test_it_slices_like_numpy(key: Any, rng: np.random.Generator) -> None:
    live, plain = filled(rng)
    np.testing.assert_array_equal(live[key], plain[key])
    assert np.shape(live[key]) == plain[key].shape


def test_it_converts_to_the_array_it_stands_for(rng: np.random.Generator) -> None:
    live, plain = filled(rng)
    np.testing.assert_array_equal(np.asarray(live), plain)
    assert (live.shape, live.ndim, live.dtype, len(live), live.size) == (SHAPE, 3, np.uint8, 5, plain.size)


def test_it_forgets_the_sections_not_used_for_longest() -> None:
    live = LiveMap((10, 4, 4), budget_bytes=3 * 16)
    for z in range(3):
        live.put(z, (0, 0), np.full((4, 4), z + 1, np.uint8))
    assert live[0].min() == 1  # looked at: now the newest
    live.put(5, (0, 0), np.full((4, 4), 9, np.uint8))
    assert live.held_bytes == 48
    assert [int(live[z].max()) for z in (0, 1, 2, 5)] == [1, 0, 3, 9]


def test_a_patch_larger_than_the_budget_is_still_shown() -> None:
    live = LiveMap((2, 8, 8), budget_bytes=10)
    live.put(0, (0, 0), np.ones((8, 8), np.uint8))
    assert live[0].all()


def test_a_patch_under_a_newer_one_is_let_go() -> None:
    live = LiveMap(SHAPE)
    live.put(0, (2, 2), np.ones((2, 2), np.uint8))
    live.put(0, (0, 0), np.full((7, 9), 2, np.uint8))
    assert live.held_bytes == 63
    live.clear()
    assert live.held_bytes == 0
    assert not np.asarray(live).any()


@pytest.mark.parametrize(("z", "corner"), [(5, (0, 0)), (-1, (0, 0)), (0, (6, 0)), (0, (0, -1))])
def test_a_patch_outside_is_refused(z: int, corner: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        LiveMap(SHAPE).put(z, corner, np.ones((2, 2), np.uint8))


def row_of(values: list[int]) -> np.ndarray:
    return np.array(values, np.uint8)[:, None, None] * np.ones((1, 2, 9), np.uint8)


def test_a_plane_across_the_sections_shows_cuts_and_sections_show_none() -> None:
    live = LiveMap(SHAPE)
    live.put(2, (0, 0), np.full((7, 9), 50, np.uint8))
    live.put_cut((0, 5), (0, 4), (2, 0), row_of([1, 5]))
    assert live[:, 3, 0].tolist() == [1, 1, 50, 5, 5]
    assert live[:, 3].shape == (5, 9)
    np.testing.assert_array_equal(live[:, 3:4], live[:, 3][:, None])
    assert live[1:, 3, 2:4].tolist() == [[1] * 2, [50] * 2, [5] * 2, [5] * 2]
    assert live[:, 4, 0].tolist() == [0, 0, 50, 0, 0]
    assert not live[0].any()  # a strip in an empty section would look torn
    live.put_cut((0, 5), (2,), (2, 0), row_of([3]))  # of newer weights than the section
    assert live[:, 2, 8].tolist() == [1, 3, 3, 5, 5]


def test_a_column_can_be_cut_too() -> None:
    live = LiveMap(SHAPE)
    live.put_cut((1, 4), (1, 3), (0, 4), np.array([[[7]] * 7, [[9]] * 7], np.uint8))
    assert live[:, 0, 4].tolist() == live[:, :, 4][:, 6].tolist() == [0, 7, 9, 9, 0]
    assert not live[:, :, 5].any()


def test_a_voxel_has_a_value_only_where_one_was_put() -> None:
    live = LiveMap(SHAPE)
    live.put(2, (0, 0), np.full((7, 9), 50, np.uint8))
    live.put_cut((0, 5), (0, 2), (2, 0), row_of([1, 3]))
    assert [live.value(z, 3, 3) for z in range(5)] == [1, 0, 3, 0, 0]
    assert live[1, 3, 3] == 0
    live.put(2, (0, 0), np.full((7, 9), 51, np.uint8))
    assert live[2, 3, 3] == 51


def test_cuts_are_forgotten_within_the_budget_but_never_the_newest_map() -> None:
    live = LiveMap((10, 20, 10), budget_bytes=500)
    live.put(0, (0, 0), np.ones((10, 10), np.uint8))
    for y in range(0, 20, 2):
        live.put_cut((0, 10), (0,), (y, 0), np.full((1, 2, 10), y + 1, np.uint8))
        assert live.held_bytes <= 500
        assert live[0, y, 0] == y + 1
        assert live[0:2, y, 0].tolist() == [y + 1] * 2
    live.put_cut((0, 10), (0,), (0, 0), np.full((1, 20, 10), 77, np.uint8))
    assert live.held_bytes == 2000
    live.put(3, (0, 0), np.ones((20, 10), np.uint8))
    assert (live.held_bytes, live[3].min()) == (200, 1)
    live.clear()
    assert live.held_bytes == 0
    assert not live[:, 0].any()


def test_numbers_change_in_cuts_too() -> None:
    live = LiveMap(SHAPE)
    live.put_cut((0, 5), (0,), (2, 0), row_of([4]))
    table = np.arange(256, dtype=np.uint8)
    table[4] = 9
    live.renumber(table)
    assert live[0, 2, 0] == 9


@pytest.mark.parametrize(
    ("bounds", "sections", "corner"), [((0, 6), (0,), (0, 0)), ((0, 5), (0,), (6, 0)), ((1, 3), (3,), (0, 0))]
)
def test_a_cut_outside_is_refused(bounds: Any, sections: Any, corner: Any) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        LiveMap(SHAPE).put_cut(bounds, sections, corner, row_of([1]))


def test_a_cut_through_many_sections_is_read_at_once() -> None:
    live = LiveMap((4000, 30, 600))
    live.put_cut((0, 4000), range(0, 4000, 2), (16, 0), np.ones((2000, 8, 600), np.uint8))
    assert live[:, 20].all()
