"""Class maps read back."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import tifffile
import zarr

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io import (
    ClassMapInfo,
    ClassMapTarget,
    read_class_map,
    write_class_map_tiff,
    write_class_map_zarr,
)

SIZE_NM = (50.0, 4.0, 3.0)
CLASSES = np.random.default_rng(0).integers(0, 4, (5, 20, 30), dtype=np.uint8)
TARGET = ClassMapTarget(
    CLASSES.shape, SIZE_NM, 3, {1: "α-tubulin", 2: "b"}, {1: "#ff0080", 3: "#000000"}, {"run": "r1"}, "classes"
)
BLOCKS = [(Box.whole(CLASSES.shape), CLASSES)]


@pytest.mark.parametrize(("write", "name"), [(write_class_map_zarr, "c.ome.zarr"), (write_class_map_tiff, "c.ome.tif")])
def test_our_maps_come_back_with_all_that_was_written(write, name, tmp_path):
    data, info = read_class_map(write(tmp_path / name, BLOCKS, TARGET))
    np.testing.assert_array_equal(data[:, :, :], CLASSES)
    assert info == ClassMapInfo(SIZE_NM, TARGET.names, TARGET.colors, 3, {"run": "r1"})


def save_npy(path):
    np.save(path / "m.npy", CLASSES)
    return path / "m.npy"


def save_npz(path):
    np.savez_compressed(path / "m.npz", other=CLASSES + 1, classes=CLASSES)
    return path / "m.npz"


def save_zarr(path):
    zarr.create_array(path / "m.zarr", data=CLASSES)
    return path / "m.zarr"


def save_group(path):
    group = zarr.create_group(path / "m.zarr", zarr_format=2)
    group.create_array("0", data=CLASSES)
    group.create_array("1", data=CLASSES[:, ::2, ::2])
    return path / "m.zarr"


def save_tiff(path):
    tifffile.imwrite(path / "m.tif", CLASSES, photometric="minisblack")
    return path / "m.tif"


def save_hdf5(path):
    with h5py.File(path / "m.h5", "w") as file:
        file["labels"] = CLASSES
    return path / "m.h5"


@pytest.mark.parametrize("save", [save_npy, save_npz, save_zarr, save_group, save_tiff, save_hdf5])
def test_maps_of_other_programs_are_read_without_voxel_size(save, tmp_path):
    data, info = read_class_map(save(tmp_path))
    np.testing.assert_array_equal(data[:, :, :], CLASSES)
    assert info == ClassMapInfo()


def test_a_map_is_not_read_before_it_is_used(tmp_path):
    data, _ = read_class_map(save_zarr(tmp_path))
    assert isinstance(data, zarr.Array)


def test_numbers_with_a_fraction_are_no_class_map(tmp_path):
    np.save(tmp_path / "m.npy", CLASSES / 2)
    with pytest.raises(InputError, match=r"m.npy: holds float64 values; a class map has integers"):
        read_class_map(tmp_path / "m.npy")


def test_a_damaged_archive_is_an_input_error(tmp_path):
    (tmp_path / "m.npz").write_bytes(b"PK garbage")
    with pytest.raises(InputError, match=r"m.npz: can't be read"):
        read_class_map(tmp_path / "m.npz")


def test_a_missing_map_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_class_map(tmp_path / "m.npz")


def test_odd_properties_of_other_programs_are_left_aside(tmp_path):
    path = write_class_map_zarr(tmp_path / "c.zarr", BLOCKS, TARGET)
    group = zarr.open_group(path)
    ome = group.attrs["ome"]
    ome["image-label"] = {"properties": [{"label-value": 1, "area": 3}], "colors": [{"label-value": 1}]}
    group.attrs["ome"] = ome
    _, info = read_class_map(path)
    assert (info.names, info.colors) == ({}, {})
