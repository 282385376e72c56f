"""Stores of ASEM and incasem: the grey values open as the stack, labels know where they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io import open_volume
from napari_em_autoclass.io.asem import box_in_raw, label_names, raw_path, store_of
from napari_em_autoclass.io.class_map_file import read_class_map

RAW = np.arange(8 * 10 * 12, dtype=np.uint8).reshape(8, 10, 12)
NM = [5, 4, 4]


@pytest.fixture(params=[2, 3])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    group = zarr.create_group(tmp_path / "cell.zarr", zarr_format=request.param)
    for path, data, offset in (
        ("volumes/raw_equalized_0.02", RAW, [100, 0, 8]),
        ("volumes/raw", 255 - RAW, [100, 0, 8]),
        ("volumes/labels/mito", (RAW[2:6, 1:9, 3:] > 128).astype(np.uint32), [110, 4, 20]),
        ("volumes/labels/er", (RAW > 200).astype(np.uint32), [100, 0, 8]),
        ("volumes/predictions/mito", np.zeros_like(RAW), [100, 0, 8]),
    ):
        group.create_array(path, data=data, attributes={"resolution": NM, "offset": offset})
    return tmp_path / "cell.zarr"


def test_the_store_opens_as_its_equalised_grey_values(store: Path) -> None:
    volume = open_volume(store)
    assert volume.voxel_size_nm == (5, 4, 4)
    assert np.array_equal(volume.read(Box.whole(RAW.shape)), RAW)
    assert np.array_equal(open_volume(store, dataset="volumes/raw").section(0), 255 - RAW[0])


def test_labels_are_found_and_read(store: Path) -> None:
    assert label_names(store) == ("er", "mito")
    labels, told = read_class_map(f"{store}/volumes/labels/mito")
    assert labels.shape == (4, 8, 9)
    assert told.voxel_size_nm == (5, 4, 4)


def test_labels_know_where_they_lie_in_the_grey_values(store: Path) -> None:
    box = box_in_raw(store / "volumes/labels/mito")
    assert box == Box(2, 6, 1, 9, 3, 12)
    assert store_of(store / "volumes/labels/mito") == store
    assert box_in_raw(store / "volumes/labels/er") == Box.whole(RAW.shape)


def test_another_store_is_none_of_these(tmp_path: Path) -> None:
    zarr.create_group(tmp_path / "a.zarr").create_array("raw", data=RAW)
    assert raw_path(tmp_path / "a.zarr") is None
    assert label_names(tmp_path / "a.zarr") == ()
    assert box_in_raw(tmp_path / "a.zarr" / "raw") is None


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("offset", [1000, 0, 0], "its offset is wrong"),
        ("resolution", [9, 9, 9], "another size"),
        ("offset", "here", "not three numbers"),
    ],
)
def test_attributes_that_do_not_fit_are_refused(store: Path, key: str, value: object, says: str) -> None:
    zarr.open_array(store / "volumes/labels/mito").attrs[key] = value  # type: ignore[assignment]
    with pytest.raises(InputError, match=says):
        box_in_raw(store / "volumes/labels/mito")
