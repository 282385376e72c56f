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
