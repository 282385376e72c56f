"""Folders of section images."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io import open_volume

SIZE_NM = (50.0, 4.0, 3.0)
DATA = np.random.default_rng(0).integers(0, 255, (12, 20, 30), dtype=np.uint8)


def save(folder, suffix, data=DATA, numbers="{z}"):
    folder.mkdir(exist_ok=True)
    for z, section in enumerate(data):
        Image.fromarray(section).save(folder / f"s{numbers.format(z=z)}{suffix}")


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".PNG"])
def test_sections_come_in_natural_order_without_loss(suffix, tmp_path):
    save(tmp_path / "s", suffix)  # s2 before s10
    volume = open_volume(tmp_path / "s", voxel_size_nm=SIZE_NM)
    assert (volume.name, volume.voxel_size_nm, volume.dtype) == ("s", SIZE_NM, np.uint8)
    np.testing.assert_array_equal(volume.read(Box.whole(DATA.shape)), DATA)


def test_jpeg_sections_are_read(tmp_path):
    smooth = np.tile(np.arange(30, dtype=np.uint8) * 5, (3, 20, 1))
    save(tmp_path / "s", ".jpg", smooth)
    volume = open_volume(tmp_path / "s", voxel_size_nm=SIZE_NM)
    np.testing.assert_allclose(volume.section(1).astype(float), smooth[1], atol=6)


def test_16_bit_png_keeps_its_values(tmp_path):
    data = DATA.astype(np.uint16) * 257
    save(tmp_path / "s", ".png", data)
    volume = open_volume(tmp_path / "s", voxel_size_nm=SIZE_NM)
    assert volume.dtype == np.uint16
    np.testing.assert_array_equal(volume.read(Box.whole(DATA.shape)), data)


def test_compressed_big_endian_tiff_sections_are_read(tmp_path):
    (tmp_path / "s").mkdir()
    for z, section in enumerate(DATA[:3]):
        tifffile.imwrite(tmp_path / "s" / f"{z}.tif", section.astype(">i2"), byteorder=">", compression="lzw")
    volume = open_volume(tmp_path / "s", voxel_size_nm=SIZE_NM)
    np.testing.assert_array_equal(volume.read(Box(0, 3, 0, 20, 0, 30)), DATA[:3])


def test_other_files_in_the_folder_are_left_aside(tmp_path):
    save(tmp_path / "s", ".png")
    for name in ("Thumbs.db", ".s3.png", "notes.txt"):
        (tmp_path / "s" / name).write_bytes(b"x")
    (tmp_path / "s" / "old.png").mkdir()
    assert open_volume(tmp_path / "s", voxel_size_nm=SIZE_NM).shape_zyx == DATA.shape


def test_the_odd_section_out_is_named(tmp_path):
    save(tmp_path / "s", ".png")
    Image.fromarray(DATA[0, :10]).save(tmp_path / "s" / "s7.png")
    with pytest.raises(InputError, match=r"s7.png: is 10 x 30 uint8, the first section s0.png is 20 x 30 uint8"):
        open_volume(tmp_path / "s", voxel_size_nm=SIZE_NM)


def test_a_section_of_another_dtype_is_named(tmp_path):
    save(tmp_path / "s", ".png")
    Image.fromarray(DATA[0].astype(np.uint16)).save(tmp_path / "s" / "s11.png")
    with pytest.raises(InputError, match=r"s11.png: is 20 x 30 uint16"):
        open_volume(tmp_path / "s", voxel_size_nm=SIZE_NM)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_colour_sections_are_refused(mode, tmp_path):
    save(tmp_path / "s", ".png")
    Image.fromarray(DATA[0]).convert("RGB").convert(mode).save(tmp_path / "s" / "s3.png")
    with pytest.raises(InputError, match=r"s3.png: is a colour image .* convert the sections to grey"):
        open_volume(tmp_path / "s", voxel_size_nm=SIZE_NM)


def test_colour_tiff_sections_are_refused(tmp_path):
    save(tmp_path / "s", ".tif")
    tifffile.imwrite(tmp_path / "s" / "s3.tif", np.zeros((20, 30, 3), np.uint8), photometric="rgb")
    with pytest.raises(InputError, match=r"s3.tif: is a colour \(RGB\) image"):
        open_volume(tmp_path / "s", voxel_size_nm=SIZE_NM)


def test_a_stack_among_the_sections_is_refused(tmp_path):
    save(tmp_path / "s", ".tif")
    tifffile.imwrite(tmp_path / "s" / "s3.tif", DATA, photometric="minisblack")
    with pytest.raises(InputError, match=r"s3.tif: is a stack, not one section"):
        open_volume(tmp_path / "s", voxel_size_nm=SIZE_NM)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no section images"):
        open_volume(tmp_path, voxel_size_nm=SIZE_NM)


def test_a_single_section_is_refused(tmp_path):
    save(tmp_path / "s", ".png", DATA[:1])
    with pytest.raises(InputError, match="single section"):
        open_volume(tmp_path / "s", voxel_size_nm=SIZE_NM)


def test_a_section_damaged_behind_its_header_is_an_input_error_when_read(tmp_path):
    save(tmp_path / "s", ".png")
    path = tmp_path / "s" / "s4.png"
    path.write_bytes(path.read_bytes()[:120])
    volume = open_volume(tmp_path / "s", voxel_size_nm=SIZE_NM)
    assert volume.section(3).any()
    with pytest.raises(InputError, match="can't read sections 4 to 4"):
        volume.section(4)


def test_sections_larger_than_pillow_likes_are_opened(tmp_path):
    (tmp_path / "s").mkdir()
    for z in range(2):  # one bit a pixel keeps it small: 196 million pixels, Pillow.open refuses above 179
        Image.new("1", (14_000, 14_000)).save(tmp_path / "s" / f"{z}.png")
    assert open_volume(tmp_path / "s", voxel_size_nm=SIZE_NM).shape_zyx == (2, 14_000, 14_000)
