"""Zarr v2 and v3: arrays, groups, damaged chunks."""

from __future__ import annotations

import numpy as np
import pytest
import zarr

from napari_em_autoclass.core.errors import InputError, MissingVoxelSize
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io import open_volume

SIZE_NM = (50.0, 4.0, 3.0)
SHAPE = (6, 8, 10)
DATA = (np.arange(480) % 251 + 1).reshape(SHAPE).astype(np.uint8)
RESOLUTION = {"resolution": list(SIZE_NM)}


def write(path, zarr_format=3, **options):
    return zarr.create_array(
        path, data=DATA, chunks=(2, 8, 10), zarr_format=zarr_format, attributes=RESOLUTION, **options
    )


def assert_same(volume, data=DATA):
    np.testing.assert_array_equal(volume.read(Box.whole(data.shape)), data)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_bare_array_is_read(zarr_format, tmp_path):
    write(tmp_path / "s.zarr", zarr_format)
    volume = open_volume(tmp_path / "s.zarr")
    assert (volume.name, volume.voxel_size_nm) == ("s", SIZE_NM)
    assert_same(volume)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_store_is_known_by_its_content_not_its_name(zarr_format, tmp_path):
    write(tmp_path / "folder", zarr_format)
    assert_same(open_volume(tmp_path / "folder"))


@pytest.mark.parametrize("path", ["s.zarr/volumes/raw", "s.zarr:/volumes/raw", "s.zarr:volumes/raw"])
def test_an_array_inside_is_named_in_the_path(path, tmp_path):
    write(tmp_path / "s.zarr" / "volumes" / "raw")
    zarr.open_group(tmp_path / "s.zarr")
    assert_same(open_volume(f"{tmp_path}/{path}"))


def test_an_array_inside_is_named_as_dataset(tmp_path):
    group = zarr.create_group(tmp_path / "s.zarr")
    for name in ("raw", "labels"):
        group.create_array(name, data=DATA if name == "raw" else DATA + 1)
    assert_same(open_volume(tmp_path / "s.zarr", dataset="labels", voxel_size_nm=SIZE_NM), DATA + 1)
    with pytest.raises(InputError, match=r"labels \(6, 8, 10\), raw \(6, 8, 10\); choose one with dataset"):
        open_volume(tmp_path / "s.zarr")
    with pytest.raises(InputError, match=r"no dataset 'rwa' in the store; it holds labels .*, raw"):
        open_volume(tmp_path / "s.zarr", dataset="rwa")


def test_the_only_stack_of_a_group_is_taken(tmp_path):
    group = zarr.create_group(tmp_path / "s.zarr")
    group.create_array("table", data=np.zeros((4, 2)))
    group.create_group("volumes").create_array("raw", data=DATA)
    assert_same(open_volume(tmp_path / "s.zarr", voxel_size_nm=SIZE_NM))


def test_dimension_names_tell_the_axes(tmp_path):
    data = DATA.T.copy()
    array = zarr.create_array(tmp_path / "s.zarr", data=data, dimension_names=("x", "y", "z"))
    array.attrs["resolution"] = [3, 4, 50]
    volume = open_volume(tmp_path / "s.zarr")
    assert volume.voxel_size_nm == SIZE_NM
    assert_same(volume)


def test_an_array_without_voxel_size_asks_for_it(tmp_path):
    zarr.create_array(tmp_path / "s.zarr", data=DATA)
    with pytest.raises(MissingVoxelSize):
        open_volume(tmp_path / "s.zarr")


@pytest.mark.parametrize(("zarr_format", "chunk"), [(2, "1.0.0"), (3, "c/1/0/0")])
@pytest.mark.parametrize("compressed", [True, False])
def test_a_damaged_chunk_is_an_input_error_and_the_others_are_read(zarr_format, chunk, compressed, tmp_path):
    write(tmp_path / "s.zarr", zarr_format, compressors="auto" if compressed else None)
    (tmp_path / "s.zarr" / chunk).write_bytes(b"garbage")
    volume = open_volume(tmp_path / "s.zarr")
    np.testing.assert_array_equal(volume.section(0), DATA[0])
    with pytest.raises(InputError, match=r"can't read sections 2 to 2 .* may be damaged") as caught:
        volume.section(2)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("zarr_format", "chunk"), [(2, "1.0.0"), (3, "c/1/0/0")])
def test_a_chunk_that_is_not_stored_is_the_fill_value_as_zarr_defines(zarr_format, chunk, tmp_path):
    write(tmp_path / "s.zarr", zarr_format)
    (tmp_path / "s.zarr" / chunk).unlink()
    assert not open_volume(tmp_path / "s.zarr").section(2).any()


def test_a_zarr_folder_without_metadata_is_refused(tmp_path):
    (tmp_path / "s.zarr").mkdir()
    with pytest.raises(InputError, match="no Zarr array or group"):
        open_volume(tmp_path / "s.zarr")


def test_a_group_without_a_stack_is_refused(tmp_path):
    zarr.create_group(tmp_path / "s.zarr").create_array("image", data=DATA[0])
    with pytest.raises(InputError, match="holds no stack with three axes"):
        open_volume(tmp_path / "s.zarr")
