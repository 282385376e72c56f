"""Every format through the one door, `open_volume`."""

from __future__ import annotations

import pkgutil
from pathlib import Path

import h5py
import mrcfile
import numpy as np
import pytest
import tifffile
import zarr

import napari_em_autoclass.io as io_package
from napari_em_autoclass.core.errors import InputError, MissingVoxelSize
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io import READERS, list_stacks, open_volume

SIZE_NM = (50.0, 4.0, 3.0)  # all different, so that no two can be swapped unseen
SHAPE = (5, 7, 9)
DTYPES = ["uint8", "int8", "uint16", "int16", "int32", "float32", "float64", ">u2", ">f4"]


def stack(dtype: str = "uint8", shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return (np.arange(np.prod(shape)) % 120).reshape(shape).astype(dtype)


def write_ome_tiff(at: Path, data: np.ndarray) -> Path:
    units = {f"PhysicalSize{axis}Unit": "nm" for axis in "XYZ"}
    sizes = {"PhysicalSizeX": SIZE_NM[2], "PhysicalSizeY": SIZE_NM[1], "PhysicalSizeZ": SIZE_NM[0]}
    path = at / "s.ome.tif"
    tifffile.imwrite(
        path, data, compression="zlib", photometric="minisblack", metadata={"axes": "ZYX", **sizes, **units}
    )
    return path


def write_big_tiff(at: Path, data: np.ndarray) -> Path:
    path = at / "s.tif"
    tifffile.imwrite(path, data, bigtiff=True, photometric="minisblack")
    return path


def write_zarr_v2(at: Path, data: np.ndarray) -> Path:
    path = at / "s.zarr"
    zarr.create_array(
        path, data=data, zarr_format=2, chunks=(2,) * data.ndim, attributes={"voxel_size_nm": list(SIZE_NM)}
    )
    return path


def write_zarr_v3(at: Path, data: np.ndarray) -> Path:
    path = at / "s.zarr"
    group = zarr.create_group(path, zarr_format=3)
    array = group.create_array("raw", data=data.astype(data.dtype.newbyteorder("=")), chunks=(2, 4, 4))
    array.attrs["resolution"] = list(SIZE_NM)
    return path


def write_hdf5(at: Path, data: np.ndarray) -> Path:
    path = at / "s.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("volumes/raw", data=data).attrs["element_size_um"] = np.array(SIZE_NM) / 1000
    return path


def write_npy(at: Path, data: np.ndarray) -> Path:
    path = at / "s.npy"
    np.save(path, data)
    return path


def write_sections(at: Path, data: np.ndarray) -> Path:
    path = at / "s"
    path.mkdir()
    for z, section in enumerate(data):
        tifffile.imwrite(path / f"s{z}.tif", section, photometric="minisblack")
    return path


WRITERS = [
    write_ome_tiff, write_big_tiff, write_zarr_v2, write_zarr_v3, write_hdf5, write_npy, write_sections,
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("write", WRITERS)
def test_every_format_returns_the_voxels_of_every_dtype(write, dtype, tmp_path):
    data = stack(dtype)
    volume = open_volume(write(tmp_path, data), voxel_size_nm=SIZE_NM)
    assert volume.dtype == np.dtype(dtype) or volume.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(volume.read(Box(1, 4, 2, 6, 3, 9)), data[1:4, 2:6, 3:9])
    np.testing.assert_array_equal(volume.read(Box.whole(SHAPE)), data)
    np.testing.assert_array_equal(volume.section(2), data[2])


@pytest.mark.parametrize("write", [write_ome_tiff, write_zarr_v2, write_zarr_v3, write_hdf5])
def test_voxel_size_comes_from_the_metadata_in_z_y_x_order(write, tmp_path):
    assert open_volume(write(tmp_path, stack())).voxel_size_nm == SIZE_NM


@pytest.mark.parametrize("write", WRITERS)
def test_the_given_voxel_size_stands_above_the_metadata(write, tmp_path):
    assert open_volume(write(tmp_path, stack()), voxel_size_nm=(1, 2, 3)).voxel_size_nm == (1, 2, 3)


@pytest.mark.parametrize("write", [write_big_tiff, write_npy, write_sections])
def test_a_file_without_voxel_size_asks_for_it(write, tmp_path):
    with pytest.raises(MissingVoxelSize, match=r"--voxel-size Z Y X in nm"):
        open_volume(write(tmp_path, stack()))


@pytest.mark.parametrize("write", WRITERS)
def test_a_volume_can_be_opened_again_by_its_source(write, tmp_path):
    volume = open_volume(write(tmp_path, stack()), voxel_size_nm=SIZE_NM)
    again = open_volume(volume.source, voxel_size_nm=SIZE_NM)
    np.testing.assert_array_equal(again.read(Box.whole(SHAPE)), stack())


@pytest.mark.parametrize("shape", [(3, 4, 4), (4, 3, 3), (5, 6, 3), (5, 6, 4), (3, 3, 3), (4, 4, 4)])
@pytest.mark.parametrize("write", WRITERS)
def test_axes_of_length_3_and_4_are_not_taken_for_colour(write, shape, tmp_path):
    data = stack(shape=shape)
    volume = open_volume(write(tmp_path, data), voxel_size_nm=SIZE_NM)
    assert volume.shape_zyx == shape
    np.testing.assert_array_equal(volume.read(Box.whole(shape)), data)


@pytest.mark.parametrize("write", [write_zarr_v2, write_hdf5, write_npy])
def test_a_bare_array_with_four_axes_must_be_explained(write, tmp_path):
    data = stack(shape=(2, 5, 7, 9))
    path = write(tmp_path, data)
    with pytest.raises(InputError, match="say which is which"):
        open_volume(path, voxel_size_nm=SIZE_NM)
    with pytest.raises(InputError, match=r"axis C has 2 entries \(0 to 1\); choose one, e.g. axes C\[0\]ZYX"):
        open_volume(path, voxel_size_nm=SIZE_NM, axes="CZYX")
    volume = open_volume(path, voxel_size_nm=SIZE_NM, axes="C[1]ZYX")
    np.testing.assert_array_equal(volume.read(Box(0, 5, 1, 3, 2, 9)), data[1, :, 1:3, 2:9])


@pytest.mark.parametrize("write", [write_zarr_v2, write_hdf5, write_npy])
def test_axes_in_another_order_are_turned(write, tmp_path):
    data = stack(shape=(9, 7, 5))
    volume = open_volume(write(tmp_path, data), voxel_size_nm=SIZE_NM, axes="XYZ")
    assert volume.shape_zyx == (5, 7, 9)
    np.testing.assert_array_equal(volume.read(Box(1, 3, 0, 7, 4, 9)), data.T[1:3, :, 4:9])


@pytest.mark.parametrize("write", [write_npy, write_zarr_v2, write_hdf5, write_big_tiff])
def test_a_single_image_is_refused(write, tmp_path):
    with pytest.raises(InputError, match=r"one image of shape .* a stack of sections|no stack with three axes"):
        open_volume(write(tmp_path, stack(shape=(7, 9))), voxel_size_nm=SIZE_NM)


@pytest.mark.parametrize("write", [write_zarr_v2, write_npy, write_hdf5])
def test_complex_numbers_are_refused(write, tmp_path):
    with pytest.raises(InputError):
        open_volume(write(tmp_path, stack("complex64")), voxel_size_nm=SIZE_NM)


@pytest.mark.parametrize("write", [write_zarr_v2, write_npy, write_sections])
def test_boolean_stacks_are_read(write, tmp_path):
    data = stack() > 60
    volume = open_volume(write(tmp_path, data), voxel_size_nm=SIZE_NM)
    np.testing.assert_array_equal(volume.read(Box.whole(SHAPE)), data)


@pytest.mark.parametrize("write", [write_npy, write_sections, write_big_tiff])
def test_a_wish_for_a_dataset_or_level_that_is_not_there_is_refused(write, tmp_path):
    path = write(tmp_path, stack())
    with pytest.raises(InputError, match=r"no (dataset|series) 'raw'"):
        open_volume(path, dataset="raw", voxel_size_nm=SIZE_NM)
    with pytest.raises(InputError, match="no level 2"):
        open_volume(path, level=2, voxel_size_nm=SIZE_NM)


@pytest.mark.parametrize("name", ["s.tif", "s.h5", "s.mrc", "s.npy", "s.zarr/zarr.json", "s.zarr/.zarray", "s/a.png"])
def test_a_damaged_file_gives_one_line(name, tmp_path):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"this is none of the formats\n" * 50)
    opened = path if path.parent == tmp_path else path.parent
    with pytest.raises(InputError) as caught:
        open_volume(opened, voxel_size_nm=SIZE_NM)
    assert "\n" not in str(caught.value)
    assert opened.name in str(caught.value) or path.name in str(caught.value)


@pytest.mark.parametrize("cut", [0, 4, 100, 1000])
@pytest.mark.parametrize("write", [write_big_tiff, write_hdf5, write_npy])
def test_a_file_that_is_cut_off_is_refused(write, cut, tmp_path):
    path = write(tmp_path, stack(shape=(5, 40, 40)))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError):
        open_volume(path, voxel_size_nm=SIZE_NM).read(Box(0, 5, 0, 40, 0, 40))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.tif: no such file or folder"):
        open_volume(tmp_path / "nothing.tif")


def test_a_path_that_the_system_refuses_is_told(tmp_path):
    with pytest.raises(InputError, match="can't be looked up"):
        open_volume(tmp_path / ("x" * 300))


def test_one_section_image_is_told_to_be_opened_by_its_folder(tmp_path):
    (tmp_path / "s1.png").touch()
    with pytest.raises(InputError, match=r"one image, .* give the folder that holds them"):
        open_volume(tmp_path / "s1.png")


def test_the_stacks_of_a_container_are_listed_for_a_picker(tmp_path):
    assert list_stacks(write_hdf5(tmp_path, stack())) == {"volumes/raw": SHAPE}
    assert list_stacks(write_zarr_v3(tmp_path, stack())) == {"raw": SHAPE}
    assert list_stacks(write_npy(tmp_path, stack())) == {}
    (tmp_path / "bad.h5").write_bytes(b"x")
    with pytest.raises(InputError, match="may be damaged"):
        list_stacks(tmp_path / "bad.h5")


def test_an_unknown_format_lists_the_known_ones(tmp_path):
    path = tmp_path / "s.docx"
    path.touch()
    with pytest.raises(InputError, match=r"TIFF.*Zarr.*folder.*HDF5.*MRC.*NumPy"):
        open_volume(path)


def test_a_file_without_permission_is_told(tmp_path, monkeypatch):
    path = write_npy(tmp_path, stack())
    monkeypatch.setattr("napari_em_autoclass.io.readers.os.access", lambda *_: False)
    with pytest.raises(InputError, match="no permission"):
        open_volume(path)


@pytest.mark.parametrize("voxel_size", [(0, 4, 4), (-1, 4, 4), (float("nan"), 4, 4)])
def test_an_impossible_voxel_size_is_refused(voxel_size, tmp_path):
    with pytest.raises(InputError, match="voxel size"):
        open_volume(write_npy(tmp_path, stack()), voxel_size_nm=voxel_size)


@pytest.mark.parametrize("axes", ["ZY", "ZZYX", "Z Y X", "ZYX3", "Z[0]YX", "", "C[x]ZYX"])
def test_axes_that_make_no_sense_are_refused(axes, tmp_path):
    with pytest.raises(InputError, match="axes"):
        open_volume(write_npy(tmp_path, stack()), voxel_size_nm=SIZE_NM, axes=axes)


def test_mrc_is_in_the_table_of_formats_too(tmp_path):
    with mrcfile.new(tmp_path / "s.mrc") as file:
        file.set_data(stack("int16"))
    assert open_volume(tmp_path / "s.mrc", voxel_size_nm=SIZE_NM).shape_zyx == SHAPE


def test_every_reader_module_is_in_the_list():
    modules = [module.name for module in pkgutil.iter_modules(io_package.__path__, "napari_em_autoclass.io.")]
    loaded = [__import__(name, fromlist=["_"]) for name in modules]
    assert {m.__name__ for m in loaded if hasattr(m, "can_read")} == {r.__name__ for r in READERS}
