"""Class maps as OME-TIFF."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tifffile

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io import ClassMapTarget, open_volume, write_class_map_tiff
from napari_em_autoclass.io.pyramid import boxes

SHAPE = (20, 70, 90)
SIZE_NM = (50.0, 4.0, 3.0)
CLASSES = np.random.default_rng(0).integers(0, 4, SHAPE, dtype=np.uint8)
TARGET = ClassMapTarget(SHAPE, SIZE_NM, 3, {1: "α-tubulin"}, {1: "#ff0080"}, {"run": "r1"}, "my classes")


def blocks(size=(7, 40, 50)):
    # Backwards: no writer may count on an order.
    for box in reversed(list(boxes(SHAPE, size))):
        yield box, CLASSES[box.slices]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_sections_come_back_with_voxel_size_and_colours(tmp_path):
    path = write_class_map_tiff(tmp_path / "c.ome.tif", blocks(), TARGET)
    np.testing.assert_array_equal(tifffile.imread(path), CLASSES)
    assert open_volume(path).voxel_size_nm == SIZE_NM
    with tifffile.TiffFile(path) as file:
        assert file.series[0].axes == "ZYX"
        assert file.pages[0].compression.name == "ADOBE_DEFLATE"
        assert file.pages[0].colormap[:, 1].tolist() == [65535, 0, 128 * 257]
        assert "r1" in file.ome_metadata
    assert names(tmp_path) == ["c.ome.tif"]


def test_the_ome_xml_is_well_formed_and_names_the_map(tmp_path):
    path = write_class_map_tiff(tmp_path / "c.tif", blocks(), TARGET)
    with tifffile.TiffFile(path) as file:
        image = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]
    assert image["Name"] == "my classes"
    assert (image["Pixels"]["PhysicalSizeZ"], image["Pixels"]["PhysicalSizeZUnit"]) == (50, "nm")


def test_blocks_that_end_in_an_error_leave_nothing(tmp_path):
    def failing():
        yield next(blocks())
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        write_class_map_tiff(tmp_path / "c.tif", failing(), TARGET)
    assert names(tmp_path) == []


def test_an_existing_file_is_replaced_only_when_allowed(tmp_path):
    path = tmp_path / "c.tif"
    path.write_text("old")
    with pytest.raises(InputError, match="exists already"):
        write_class_map_tiff(path, blocks(), TARGET)
    write_class_map_tiff(path, blocks(), TARGET, overwrite=True)
    np.testing.assert_array_equal(tifffile.imread(path), CLASSES)


def test_probabilities_are_refused(tmp_path):
    with pytest.raises(InputError, match="choose OME-Zarr"):
        write_class_map_tiff(tmp_path / "c.tif", blocks(), replace(TARGET, probabilities=True))
