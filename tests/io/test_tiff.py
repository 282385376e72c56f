"""TIFF, OME-TIFF, BigTIFF and ImageJ."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io import open_volume

SIZE_NM = (50.0, 4.0, 3.0)
SHAPE = (6, 40, 50)
DATA = np.random.default_rng(0).integers(0, 65535, SHAPE, dtype=np.uint16)


def assert_same(volume, data):
    assert volume.shape_zyx == data.shape
    np.testing.assert_array_equal(volume.read(Box(1, 5, 3, 30, 20, 50)), data[1:5, 3:30, 20:50])
    np.testing.assert_array_equal(volume.read(Box.whole(data.shape)), data)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zlib"},
        {"compression": "lzw", "predictor": True},
        {"compression": "zstd", "rowsperstrip": 7},
        {"tile": (16, 16)},
        {"tile": (16, 16), "compression": "zlib"},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"byteorder": ">", "compression": "zlib"},
        {"ome": True, "compression": "zlib"},
        {"ome": True},
        {"imagej": True},
        {"imagej": True, "byteorder": ">"},
        {"contiguous": False, "metadata": None},
        {"volumetric": True, "tile": (16, 16, 16)},
    ],
    ids=str,
)
def test_every_layout_of_a_tiff_gives_the_same_voxels(options, tmp_path):
    path = tmp_path / "s.tif"
    axes = {} if "metadata" in options else {"metadata": {"axes": "ZYX"}}
    tifffile.imwrite(path, DATA, photometric="minisblack", **{**axes, **options})
    assert_same(open_volume(path, voxel_size_nm=SIZE_NM), DATA)


def test_a_plain_tiff_is_mapped(tmp_path):
    tifffile.imwrite(tmp_path / "s.tif", DATA, photometric="minisblack")
    assert isinstance(open_volume(tmp_path / "s.tif", voxel_size_nm=SIZE_NM).data, np.memmap)


def test_opening_a_compressed_tiff_decodes_nothing(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "s.tif", DATA, compression="zlib", photometric="minisblack")
    decoded = []
    decode = tifffile.TiffPage.asarray
    monkeypatch.setattr(tifffile.TiffPage, "asarray", lambda page, **k: decoded.append(page.index) or decode(page, **k))
    monkeypatch.setattr(
        tifffile.TiffFrame, "asarray", lambda page, **k: decoded.append(page.index) or decode(page, **k)
    )
    volume = open_volume(tmp_path / "s.tif", voxel_size_nm=SIZE_NM)
    assert decoded == []
    volume.read(Box(2, 4, 0, 5, 0, 5))
    assert decoded == [2, 3]


@pytest.mark.parametrize("shape", [(40, 50, 3), (40, 50, 4), (6, 40, 50, 3), (6, 40, 50, 4)])
def test_colour_is_refused_with_advice(shape, tmp_path):
    path = tmp_path / "rgb.tif"
    tifffile.imwrite(path, np.zeros(shape, np.uint8), photometric="rgb")
    with pytest.raises(InputError, match=r"rgb.tif: is a colour \(RGB\) image; convert it to grey"):
        open_volume(path, voxel_size_nm=SIZE_NM)


def test_one_sample_of_a_colour_stack_can_be_chosen(tmp_path):
    colours = np.stack([DATA // 256] * 3, axis=-1).astype(np.uint8)
    colours[..., 1] += 1
    tifffile.imwrite(tmp_path / "rgb.tif", colours, photometric="rgb")
    volume = open_volume(tmp_path / "rgb.tif", voxel_size_nm=SIZE_NM, axes="ZYXC[1]")
    assert_same(volume, colours[..., 1])


@pytest.mark.parametrize("ome", [True, False])
def test_channels_must_be_chosen(ome, tmp_path):
    path = tmp_path / ("s.ome.tif" if ome else "s.tif")
    channels = np.stack([DATA, DATA + 1], axis=1)
    tifffile.imwrite(path, channels, imagej=not ome, compression="zlib", metadata={"axes": "ZCYX"})
    with pytest.raises(InputError, match="axis C has 2 entries"):
        open_volume(path, voxel_size_nm=SIZE_NM)
    assert_same(open_volume(path, voxel_size_nm=SIZE_NM, axes="ZC[1]YX"), DATA + 1)


def test_time_points_are_sections_only_when_the_user_says_so(tmp_path):
    tifffile.imwrite(tmp_path / "s.tif", DATA, imagej=True, metadata={"axes": "TYX"})
    with pytest.raises(InputError, match="calls its axes TYX"):
        open_volume(tmp_path / "s.tif", voxel_size_nm=SIZE_NM)
    assert_same(open_volume(tmp_path / "s.tif", voxel_size_nm=SIZE_NM, axes="ZYX"), DATA)
    assert_same(open_volume(tmp_path / "s.tif", voxel_size_nm=SIZE_NM, axes="TCZYX"), DATA)


def test_levels_of_a_pyramid_are_chosen_with_their_voxel_size(tmp_path):
    path = tmp_path / "s.ome.tif"
    sizes = {f"PhysicalSize{axis}": size for axis, size in zip("ZYX", SIZE_NM, strict=True)}
    units = {f"PhysicalSize{axis}Unit": "nm" for axis in "ZYX"}
    coarse = DATA[:, ::2, ::2]
    with tifffile.TiffWriter(path) as file:
        options = {"tile": (16, 16), "compression": "zlib", "photometric": "minisblack"}
        file.write(DATA, subifds=1, metadata={"axes": "ZYX", **sizes, **units}, **options)
        file.write(coarse, subfiletype=1, **options)
    assert_same(open_volume(path, level=0), DATA)
    volume = open_volume(path, level=1)
    np.testing.assert_array_equal(volume.read(Box.whole(coarse.shape)), coarse)
    assert volume.voxel_size_nm == (50, 8, 6)
    with pytest.raises(InputError, match="levels 0 to 1 and no level 2"):
        open_volume(path, level=2)


def test_tiles_are_read_alone_where_whole_sections_are_no_use(tmp_path):
    path = tmp_path / "s.ome.tif"
    with tifffile.TiffWriter(path) as file:
        options = {"tile": (16, 16), "compression": "zlib", "photometric": "minisblack"}
        file.write(DATA, subifds=1, metadata={"axes": "ZYX"}, **options)
        file.write(DATA[:, ::2, ::2], subfiletype=1, **options)
    volume = open_volume(path, axes="XYZ", voxel_size_nm=SIZE_NM)
    np.testing.assert_array_equal(volume.read(Box(1, 45, 3, 20, 0, 5)), DATA.T[1:45, 3:20, 0:5])
    volume = open_volume(path, axes="YZX", level=1, voxel_size_nm=SIZE_NM)
    np.testing.assert_array_equal(volume.read(Box(0, 20, 0, 6, 0, 25)), DATA[:, ::2, ::2].transpose(1, 0, 2))


def test_a_damaged_tile_is_an_input_error(tmp_path):
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, DATA, tile=(16, 16), compression="zlib", photometric="minisblack")
    with tifffile.TiffFile(path) as file:
        offset = file.pages[3].dataoffsets[0]
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"garbage, not deflate")
    volume = open_volume(path, axes="XYZ", voxel_size_nm=SIZE_NM)
    with pytest.raises(InputError, match="can't read sections"):
        volume.read(Box.whole(volume.shape_zyx))


def test_sections_can_be_read_from_several_threads(tmp_path):
    tifffile.imwrite(tmp_path / "s.tif", DATA, compression="zlib", photometric="minisblack")
    volume = open_volume(tmp_path / "s.tif", voxel_size_nm=SIZE_NM)
    with ThreadPoolExecutor(8) as pool:
        sections = list(pool.map(volume.section, list(range(6)) * 5))
    for z, section in enumerate(sections):
        np.testing.assert_array_equal(section, DATA[z % 6])


def test_the_only_stack_among_several_series_is_taken_and_two_must_be_chosen(tmp_path):
    path = tmp_path / "s.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(DATA[0, :20, :20], photometric="minisblack")
        file.write(DATA, photometric="minisblack")
    assert_same(open_volume(path, voxel_size_nm=SIZE_NM), DATA)
    with tifffile.TiffWriter(path) as file:
        file.write(DATA[:, :20, :20], photometric="minisblack")
        file.write(DATA, photometric="minisblack")
    with pytest.raises(InputError, match=r"several stacks .* choose one with dataset"):
        open_volume(path, voxel_size_nm=SIZE_NM)
    volume = open_volume(path, dataset="1", voxel_size_nm=SIZE_NM)
    assert_same(volume, DATA)
    assert_same(open_volume(volume.source, voxel_size_nm=SIZE_NM), DATA)


def test_a_damaged_section_is_an_input_error_when_it_is_read(tmp_path):
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, DATA, compression="zlib", photometric="minisblack")
    with tifffile.TiffFile(path) as file:
        offset = file.pages[3].dataoffsets[0]
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"garbage, not deflate")
    volume = open_volume(path, voxel_size_nm=SIZE_NM)
    np.testing.assert_array_equal(volume.section(2), DATA[2])
    with pytest.raises(InputError, match="can't read sections 3 to 3"):
        volume.section(3)


def write_one_file_a_section(folder):
    for z, section in enumerate(DATA[:3]):
        tifffile.imwrite(folder / f"s{z}.ome.tif", section)
    uuids = [f'<UUID FileName="s{z}.ome.tif">urn:uuid:{z:032x}</UUID>' for z in range(3)]
    data = "".join(f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1">{uuid}</TiffData>' for z, uuid in enumerate(uuids))
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{0:032x}">'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="50" SizeY="40" '
        'SizeZ="3" SizeC="1" SizeT="1"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>'
        f"{data}</Pixels></Image></OME>"
    )
    tifffile.imwrite(folder / "s0.ome.tif", DATA[0], description=xml, metadata=None)
    return folder / "s0.ome.tif"


def test_an_ome_tiff_in_several_files_is_read_through_its_first(tmp_path):
    volume = open_volume(write_one_file_a_section(tmp_path), voxel_size_nm=SIZE_NM)
    np.testing.assert_array_equal(volume.read(Box(0, 3, 0, 40, 0, 50)), DATA[:3])


def test_an_ome_tiff_that_lacks_one_of_its_files_is_refused_not_filled_with_black(tmp_path):
    first = write_one_file_a_section(tmp_path)
    (tmp_path / "s1.ome.tif").unlink()
    with pytest.raises(InputError, match=r"OME series failed to read 's1.ome.tif'.*copy or save it again"):
        open_volume(first, voxel_size_nm=SIZE_NM)
