"""MRC files."""

from __future__ import annotations

import mrcfile
import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError, MissingVoxelSize
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io import open_volume

SIZE_NM = (50.0, 4.0, 3.0)
SHAPE = (5, 7, 9)
DATA = (np.arange(315) % 120).reshape(SHAPE)


def write(path, data, size_nm=SIZE_NM, **header):
    with mrcfile.new(path) as file:
        file.set_data(data)
        if size_nm:
            z, y, x = (size * 10 for size in size_nm)
            file.voxel_size = (x, y, z)
        for key, value in header.items():
            file.header[key] = value
    return path


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float32", "float16"])
def test_voxels_and_voxel_size_are_read(dtype, tmp_path):
    volume = open_volume(write(tmp_path / "s.mrc", DATA.astype(dtype)))
    assert (volume.dtype, volume.name) == (np.dtype(dtype), "s")
    assert volume.voxel_size_nm == pytest.approx(SIZE_NM, rel=1e-6)
    np.testing.assert_array_equal(volume.read(Box(1, 4, 2, 6, 3, 9)), DATA[1:4, 2:6, 3:9])
    assert isinstance(volume.data, np.memmap)


def test_mode_0_is_signed(tmp_path):
    volume = open_volume(write(tmp_path / "s.mrc", (DATA - 60).astype(np.int8)))
    np.testing.assert_array_equal(volume.read(Box.whole(SHAPE)), DATA - 60)


def test_big_endian_files_are_read(tmp_path):
    volume = open_volume(write(tmp_path / "s.mrc", DATA.astype(">i2")))
    np.testing.assert_array_equal(volume.read(Box.whole(SHAPE)), DATA)


def test_the_extended_header_is_skipped(tmp_path):
    with mrcfile.new(tmp_path / "s.rec") as file:
        file.set_extended_header(np.frombuffer(b"x" * 400, np.uint8))
        file.set_data(DATA.astype(np.int16))
    volume = open_volume(tmp_path / "s.rec", voxel_size_nm=SIZE_NM)
    np.testing.assert_array_equal(volume.read(Box.whole(SHAPE)), DATA)


def test_columns_that_are_not_x_are_turned(tmp_path):
    path = write(tmp_path / "s.mrc", DATA.T.astype(np.int16).copy(), None, mapc=3, mapr=2, maps=1)
    volume = open_volume(path, voxel_size_nm=SIZE_NM)
    np.testing.assert_array_equal(volume.read(Box.whole(SHAPE)), DATA)


def test_a_header_without_cell_asks_for_the_voxel_size(tmp_path):
    with pytest.raises(MissingVoxelSize):
        open_volume(write(tmp_path / "s.mrc", DATA.astype(np.int16), None))


def test_complex_data_are_refused(tmp_path):
    with pytest.raises(InputError, match="complex64"):
        open_volume(write(tmp_path / "s.mrc", DATA.astype(np.complex64)))


def test_a_single_image_is_refused(tmp_path):
    with pytest.raises(InputError, match="one image"):
        open_volume(write(tmp_path / "s.mrc", DATA[0].astype(np.int16), None), voxel_size_nm=SIZE_NM)


@pytest.mark.parametrize("size", [0, 500, 1024, 1500])
def test_a_file_that_is_cut_off_is_refused(size, tmp_path):
    path = write(tmp_path / "s.mrc", DATA.astype(np.float32))
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match=r"s(\.mrc)?: "):
        open_volume(path)
