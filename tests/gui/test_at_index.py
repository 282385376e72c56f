"""A stack at one time point must read like the NumPy array it stands for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_em_autoclass.gui.at_index import AtIndex, placed
from napari_em_autoclass.gui.live_map import LiveMap


@pytest.fixture
def pair(rng: np.random.Generator) -> tuple[AtIndex, np.ndarray]:
    live = LiveMap((4, 5, 6))
    plain = np.zeros((3, 2, 4, 5, 6), np.uint8)
    for z in (1, 3):
        patch = rng.integers(1, 255, (5, 6), dtype=np.uint8)
        live.put(z, (0, 0), patch)
        plain[2, 1, z] = patch
    return AtIndex(live, (3, 2), (2, 1)), plain


@pytest.mark.parametrize(
    "key",
    [
        (2, 1, 3),
        (2, 0, 3),
        (np.int64(2), 1, slice(None), 2),
        (2, 1, slice(None), slice(None), 4),
        (0, 1, slice(None), slice(None), 4),
        (slice(None), 1, 3, slice(None), slice(None)),
        (slice(None, None, -1), slice(1), 3),
        (slice(1, 3), slice(None), slice(None), 2, 3),
        (..., 3),
        (2, ...),
        -1,
        slice(0, 0),
        (2, 1, 3, 4, 5),
    ],
    ids=str,
)
def test_it_slices_like_numpy(key: Any, pair: Any) -> None:
    ours, plain = pair
    np.testing.assert_array_equal(ours[key], plain[key])
    assert np.shape(ours[key]) == plain[key].shape


def test_it_converts_to_the_array_it_stands_for(pair: Any) -> None:
    ours, plain = pair
    np.testing.assert_array_equal(np.asarray(ours), plain)
    assert (ours.shape, ours.ndim, ours.dtype, len(ours), ours.size) == (plain.shape, 5, np.uint8, 3, plain.size)


def test_without_leading_axes_it_is_the_map_itself() -> None:
    live = LiveMap((4, 5, 6))
    assert placed(live, (), ()) is live
    assert placed(live, (7,), (3,)).shape == (7, 4, 5, 6)


def test_too_many_axes_are_refused(pair: Any) -> None:
    with pytest.raises(IndexError, match="more than 5"):
        pair[0][0, 0, 0, 0, 0, 0]
