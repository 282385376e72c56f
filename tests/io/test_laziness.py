"""Stacks far larger than memory open without being read."""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import mrcfile
import numpy as np
import pytest
import zarr

from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io import open_volume

SIZE_NM = (50.0, 4.0, 3.0)


def huge_npy(at: Path) -> Path:
    path = at / "huge.npy"
    header = {"descr": "|u1", "fortran_order": False, "shape": (500, 10_000, 10_000)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_2_0(file, header)
        file.truncate(file.tell() + 50 * 10**9)
    return path


def huge_mrc(at: Path) -> Path:
    path = at / "huge.mrc"
    with mrcfile.new(path) as file:
        file.set_data(np.zeros((2, 2, 2), np.int8))
        file.header.nx = file.header.ny = file.header.mx = file.header.my = 10_000
        file.header.nz = file.header.mz = 500
    with path.open("r+b") as file:
        file.truncate(1024 + 50 * 10**9)
    return path


def huge_zarr(at: Path) -> Path:
    path = at / "huge.zarr"
    zarr.create_array(path, shape=(500, 10_000, 10_000), chunks=(10, 1000, 1000), dtype="u1", zarr_format=3)
    return path


def huge_hdf5(at: Path) -> Path:
    path = at / "huge.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", shape=(500, 10_000, 10_000), dtype="u1", chunks=(10, 1000, 1000))
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="Windows tells no peak memory this way and makes no sparse files")
@pytest.mark.parametrize("make", [huge_npy, huge_mrc, huge_zarr, huge_hdf5])
def test_a_stack_of_50_gigabytes_opens_without_being_read(make, tmp_path):
    import resource  # not on Windows

    path = make(tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    volume = open_volume(path, voxel_size_nm=SIZE_NM)
    assert volume.shape_zyx == (500, 10_000, 10_000)
    assert not volume.read(Box(499, 500, 9_990, 10_000, 0, 10)).any()
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 100 * 1024
