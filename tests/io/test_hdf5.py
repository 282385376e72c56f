"""HDF5: which dataset, which voxel size."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io import open_volume
from napari_em_autoclass.io.hdf5 import stack_paths

SIZE_NM = (50.0, 4.0, 3.0)
DATA = np.arange(5 * 7 * 9, dtype=np.uint16).reshape(5, 7, 9)


@pytest.fixture
def two_stacks(tmp_path):
    path = tmp_path / "s.h5"
    with h5py.File(path, "w") as file:
        file["volumes/raw"] = DATA
        file["volumes/labels"] = DATA + 1
        file["table"] = np.zeros((3, 2))
        file["volumes/raw"].attrs["resolution"] = SIZE_NM
    return path


def test_several_stacks_are_listed(two_stacks):
    with pytest.raises(
        InputError, match=r"/volumes/labels \(5, 7, 9\), /volumes/raw \(5, 7, 9\); choose one with dataset"
    ):
        open_volume(two_stacks)
    assert stack_paths(two_stacks) == {"volumes/labels": (5, 7, 9), "volumes/raw": (5, 7, 9)}


def test_a_dataset_is_named_by_argument_or_in_the_path(two_stacks):
    for volume in (
        open_volume(two_stacks, dataset="volumes/raw"),
        open_volume(two_stacks, dataset="/volumes/raw"),
        open_volume(f"{two_stacks}:/volumes/raw"),
        open_volume(f"{two_stacks}:volumes/raw"),
        open_volume(f"{two_stacks}/volumes/raw"),
    ):
        assert (volume.name, volume.voxel_size_nm, volume.source) == ("s", SIZE_NM, f"{two_stacks}:/volumes/raw")
        np.testing.assert_array_equal(volume.read(Box(1, 3, 2, 5, 0, 9)), DATA[1:3, 2:5])


@pytest.mark.parametrize("dataset", ["volumes/rwa", "volumes", ""])
def test_a_dataset_that_is_not_there_is_told(dataset, two_stacks):
    with pytest.raises(InputError, match=r"no dataset .* it holds /volumes/labels"):
        open_volume(two_stacks, dataset=dataset)


def test_attributes_of_the_group_above_count_too(tmp_path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["volumes/raw"] = DATA
        file["volumes"].attrs["element_size_um"] = np.array(SIZE_NM) / 1000
    assert open_volume(tmp_path / "s.h5").voxel_size_nm == SIZE_NM


def test_axistags_of_ilastik_tell_the_axes(tmp_path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        data = file.create_dataset("exported_data", data=DATA.T[..., None])
        data.attrs["axistags"] = json.dumps({"axes": [{"key": key} for key in "xyzc"]})
    volume = open_volume(tmp_path / "s.h5", voxel_size_nm=SIZE_NM)
    np.testing.assert_array_equal(volume.read(Box.whole(DATA.shape)), DATA)


def test_compressed_chunks_are_read(tmp_path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file.create_dataset("raw", data=DATA, chunks=(2, 3, 4), compression="gzip")
    volume = open_volume(tmp_path / "s.h5", voxel_size_nm=SIZE_NM)
    np.testing.assert_array_equal(volume.read(Box.whole(DATA.shape)), DATA)


def test_the_file_is_closed_with_the_volume_and_when_opening_fails(two_stacks):
    volume = open_volume(two_stacks, dataset="volumes/raw")
    del volume
    with pytest.raises(InputError):
        open_volume(two_stacks)
    with h5py.File(two_stacks, "r+") as file:  # refused by HDF5 while it is open for reading
        assert "volumes" in file
