"""TIFF files that are cut off or damaged."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import tifffile

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io import open_volume

DATA = np.random.default_rng(0).integers(0, 255, (30, 60, 60), dtype=np.uint8)


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.9])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zlib"},
        {"ome": True, "compression": "zlib"},
        {"ome": True},
        {"imagej": True},
        {"metadata": None, "compression": "zlib"},
        {"metadata": None, "contiguous": False},
    ],
    ids=str,
)
def test_a_file_that_is_cut_off_is_refused_at_the_door_and_never_opened_shorter(options, kept, tmp_path):
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, DATA, photometric="minisblack", **{"metadata": {"axes": "ZYX"}, **options})
    whole = path.read_bytes()
    assert open_volume(path, voxel_size_nm=(1, 1, 1)).shape_zyx == DATA.shape
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(InputError, match=r"cut off|damaged"):
        open_volume(path, voxel_size_nm=(1, 1, 1))


@pytest.mark.parametrize(
    ("metadata", "message"),
    [(None, r"cut off \(\d+ of at least \d+ bytes\)"), ({"axes": "ZYX"}, "TiffTag 270 .* invalid value offset")],
)
def test_a_loss_of_the_last_bytes_is_missed_too(metadata, message, tmp_path):
    path = tmp_path / "s.tif"
    options = {"compression": "zlib", "photometric": "minisblack"}
    tifffile.imwrite(path, DATA, ome=metadata is not None, metadata=metadata, **options)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=message):
        open_volume(path, voxel_size_nm=(1, 1, 1))


def test_tifffile_writes_no_lines_of_its_own_to_stderr(tmp_path, capfd):
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, DATA, compression="zlib", photometric="minisblack")
    path.write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(InputError):
        open_volume(path, voxel_size_nm=(1, 1, 1))
    assert capfd.readouterr().err == ""
    assert logging.getLogger("tifffile").handlers == []
