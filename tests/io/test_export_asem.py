"""Organelles as predictions that ASEM's and incasem's programs read, and we too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io import open_volume
from napari_em_autoclass.io.asem import box_in_raw
from napari_em_autoclass.io.class_map_file import read_class_map
from napari_em_autoclass.io.export_asem import AsemTarget, write_asem

CLASSES = np.random.default_rng(0).integers(0, 6, (70, 20, 30), dtype=np.uint8)
TARGET = AsemTarget((5.0, 4.0, 4.5), (10.0, 0.0, 0.0), {"program": "test"})


def test_each_organelle_is_an_array_of_0_and_1(tmp_path: Path) -> None:
    store = tmp_path / "out.zarr"
    written = write_asem(store, CLASSES, {"mito": [2, 5], "er": [1]}, TARGET)
    assert written == (store / "volumes/predictions/mito", store / "volumes/predictions/er")
    for at, members in zip(written, ([2, 5], [1]), strict=True):
        array = zarr.open_array(at, mode="r")
        assert array.metadata.zarr_format == 2
        assert array.dtype == np.uint8
        assert np.array_equal(array[:], np.isin(CLASSES, members))
        assert array.attrs["resolution"] == [5, 4, 4.5]
        assert array.attrs["offset"] == [10, 0, 0]
        assert array.attrs["classes"] == members
    found, told = read_class_map(f"{store}/volumes/predictions/mito")
    assert told.voxel_size_nm == (5.0, 4.0, 4.5)
    assert found.shape == CLASSES.shape


def test_predictions_join_a_store_that_is_there_and_touch_nothing_else(tmp_path: Path) -> None:
    store = tmp_path / "cell.zarr"
    group = zarr.create_group(store, zarr_format=2)
    raw = np.arange(72 * 20 * 30, dtype=np.uint16).reshape(72, 20, 30)
    group.create_array("volumes/raw", data=raw, attributes={"resolution": [5, 4, 4.5], "offset": [0, 0, 0]})
    write_asem(store, CLASSES, {"mito": [2]}, TARGET)
    assert np.array_equal(open_volume(store).section(3), raw[3])
    box = box_in_raw(store / "volumes/predictions/mito")
    assert box is not None
    assert box.z0 == 2


def test_a_prediction_is_replaced_only_if_allowed(tmp_path: Path) -> None:
    store = tmp_path / "out.zarr"
    write_asem(store, CLASSES, {"mito": [2]}, TARGET)
    with pytest.raises(InputError, match="exists already"):
        write_asem(store, CLASSES, {"mito": [3]}, TARGET)
    (at,) = write_asem(store, CLASSES, {"mito": [3]}, TARGET, overwrite=True)
    assert np.array_equal(zarr.open_array(at, mode="r")[:], CLASSES == 3)
    assert [path.name for path in at.parent.iterdir() if path.is_dir()] == ["mito"]


@pytest.mark.parametrize("organelles", [{"../mito": [1]}, {"": [1]}, {"mito": []}, {"a/b": [1]}])
def test_names_and_classes_that_make_no_sense_are_refused(tmp_path: Path, organelles: dict[str, list[int]]) -> None:
    with pytest.raises(InputError, match="plain name"):
        write_asem(tmp_path / "out.zarr", CLASSES, organelles, TARGET)
    assert not (tmp_path / "out.zarr").exists()


def test_another_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(InputError, match="no Zarr store"):
        write_asem(tmp_path / "photos", CLASSES, {"mito": [1]}, TARGET)
    with pytest.raises(InputError, match="does not exist"):
        write_asem(tmp_path / "a" / "b.zarr", CLASSES, {"mito": [1]}, TARGET)
