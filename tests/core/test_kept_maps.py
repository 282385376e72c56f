"""Maps that were kept by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import SnapshotTaken, ViewRequest
from napari_em_autoclass.core.kept_maps import changed_share, forget_map, keep_map, kept_maps, read_map

SAME = np.arange(256, dtype=np.uint8)


def taken(classes: np.ndarray, z: int = 3, y0: int = 10, x0: int = 20, step: int = 7) -> SnapshotTaken:
    view = ViewRequest(z, y0, y0 + classes.shape[0], x0, x0 + classes.shape[1])
    return SnapshotTaken("run", step, "learning", view, classes, classes)


def test_a_kept_map_comes_back_as_it_was(tmp_path: Path) -> None:
    first = taken(np.random.default_rng(0).integers(1, 20, (6, 8), dtype=np.uint8))
    keep_map(tmp_path, first, "größer / before")
    keep_map(tmp_path, taken(np.ones((2, 2), np.uint8), z=0, step=9), "größer / before")
    kept = kept_maps(tmp_path)
    assert [(one.name, one.step, one.corner_zyx) for one in kept] == [
        ("größer / before", 7, (3, 10, 20)),
        ("größer / before", 9, (0, 10, 20)),
    ]
    back = read_map(kept[0])
    assert back.view == first.view
    assert np.array_equal(back.classes, first.classes)
    forget_map(kept[0])
    forget_map(kept[0])  # somebody else did already
    assert [one.step for one in kept_maps(tmp_path)] == [9]
    with pytest.raises(InputError, match="can't be read any more"):
        read_map(kept[0])


def test_what_is_no_kept_map_is_passed_over(tmp_path: Path) -> None:
    assert kept_maps(tmp_path) == []
    keep_map(tmp_path, taken(np.ones((2, 2), np.uint8)), "good")
    (tmp_path / "snapshot" / "kept-000.npz").write_bytes(b"PK cut short")
    np.savez(tmp_path / "snapshot" / "kept-002.npz", something=np.ones(2))
    np.savez(tmp_path / "snapshot" / "latest.npz", classes=np.ones(2))
    assert [one.name for one in kept_maps(tmp_path)] == ["good"]


def test_a_folder_that_can_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "snapshot").write_text("in the way")
    with pytest.raises(InputError, match="mine could not be kept"):
        keep_map(tmp_path, taken(np.ones((2, 2), np.uint8)), "mine")


def test_changed_pixels_are_counted_where_both_maps_are() -> None:
    one = np.array([[1, 1, 2], [3, 3, 0]], np.uint8)
    other = np.array([[1, 2, 2], [1, 3, 3]], np.uint8)
    assert changed_share(taken(one), taken(other), SAME) == pytest.approx(2 / 5)  # 0 is not known
    assert changed_share(taken(one), taken(other, x0=21), SAME) == pytest.approx(1 / 3)
    merged = SAME.copy()
    merged[2] = 1
    assert changed_share(taken(one), taken(other), merged) == pytest.approx(1 / 5)


@pytest.mark.parametrize("place", [{"z": 4}, {"y0": 12}, {"x0": 0}])
def test_of_other_places_nothing_can_be_said(place: dict[str, int]) -> None:
    ones = np.ones((2, 3), np.uint8)
    assert changed_share(taken(ones), taken(ones, **place), SAME) is None
