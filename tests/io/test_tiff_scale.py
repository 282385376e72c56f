"""The voxel size that a TIFF tells."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io import open_volume

SIZE_NM = (50.0, 4.0, 3.0)
DATA = np.zeros((6, 40, 50), np.uint8)


@pytest.mark.parametrize(("unit", "factor"), [("nm", 1), ("µm", 1e-3), ("Å", 10), ("mm", 1e-6), (None, 1e-3)])
def test_ome_voxel_size_is_converted(unit, factor, tmp_path):
    sizes = {f"PhysicalSize{axis}": size * factor for axis, size in zip("ZYX", SIZE_NM, strict=True)}
    units = {f"PhysicalSize{axis}Unit": unit for axis in "ZYX"} if unit else {}
    tifffile.imwrite(tmp_path / "s.ome.tif", DATA, metadata={"axes": "ZYX", **sizes, **units})
    assert open_volume(tmp_path / "s.ome.tif").voxel_size_nm == SIZE_NM


@pytest.mark.parametrize(
    ("unit", "factor"), [("nm", 1), ("um", 1e-3), ("micron", 1e-3), ("\\u00B5m", 1e-3), ("mm", 1e-6)]
)
def test_imagej_voxel_size_is_converted(unit, factor, tmp_path):
    z, y, x = (size * factor for size in SIZE_NM)
    metadata = {"axes": "ZYX", "spacing": z, "unit": unit}
    tifffile.imwrite(tmp_path / "s.tif", DATA, imagej=True, resolution=(1 / x, 1 / y), metadata=metadata)
    assert open_volume(tmp_path / "s.tif").voxel_size_nm == pytest.approx(SIZE_NM, rel=1e-5)  # a ratio of 32 bits


def test_a_file_that_tells_only_some_of_the_sizes_says_which(tmp_path):
    metadata = {"axes": "ZYX", "PhysicalSizeX": 3, "PhysicalSizeXUnit": "nm"}
    tifffile.imwrite(tmp_path / "s.ome.tif", DATA, metadata=metadata)
    with pytest.raises(InputError, match=r"only x 3 nm\); pass --voxel-size"):
        open_volume(tmp_path / "s.ome.tif")


def test_resolution_in_dots_per_inch_is_no_voxel_size(tmp_path):
    tifffile.imwrite(tmp_path / "s.tif", DATA, resolution=(72, 72), resolutionunit="INCH", photometric="minisblack")
    with pytest.raises(InputError, match="doesn't say the voxel size;"):
        open_volume(tmp_path / "s.tif")


def test_the_spacing_that_tifffile_writes_into_its_own_description_counts(tmp_path):
    metadata = {"axes": "ZYX", "spacing": 50, "unit": "nm"}
    tifffile.imwrite(tmp_path / "s.tif", DATA, resolution=(1 / 3, 1 / 4), metadata=metadata, photometric="minisblack")
    assert open_volume(tmp_path / "s.tif").voxel_size_nm == pytest.approx(SIZE_NM, rel=1e-5)  # a ratio of 32 bits


def test_broken_ome_xml_is_no_voxel_size(tmp_path):
    tifffile.imwrite(
        tmp_path / "s.ome.tif", DATA, description="<OME><Image></OME>", metadata=None, photometric="minisblack"
    )
    with pytest.raises(InputError):
        open_volume(tmp_path / "s.ome.tif")
