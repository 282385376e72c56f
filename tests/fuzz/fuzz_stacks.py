"""Small good stacks of every format, and what a user does with one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import h5py
import mrcfile
import numpy as np
import tifffile
import zarr
from foreign import SHARDING, write_n5, write_precomputed
from PIL import Image

from napari_em_autoclass.core.errors import MissingVoxelSize
from napari_em_autoclass.core.normalise import fit_normalisation
from napari_em_autoclass.core.volume import fingerprint
from napari_em_autoclass.io.readers import list_stacks, open_volume

__all__ = [
    *(
        "STACK",
        "hdf5",
        "images",
        "mrc",
        "n5",
        "npy",
        "ome_tiff",
        "open_stack",
        "packed_tiff",
        "precomputed",
        "sharded",
        "sharded_precomputed",
        "tiff",
        "zarr_store",
    ),
]

STACK: Final = np.random.default_rng(0).integers(0, 255, (4, 20, 24), np.uint8)
_SMALL: Final = 2**22


def open_stack(at: Path) -> None:
    """Open a stack and look at it, as the dock does."""
    list_stacks(at)
    try:
        volume = open_volume(at)
    except MissingVoxelSize:
        volume = open_volume(at, voxel_size_nm=(30.0, 8.0, 8.0))
    fingerprint(volume)
    if np.prod([float(n) for n in volume.shape_zyx]) <= _SMALL:
        fit_normalisation(volume)


def tiff(folder: Path) -> Path:
    at = folder / "a.tif"
    tifffile.imwrite(at, STACK, imagej=True, metadata={"axes": "ZYX", "spacing": 0.03, "unit": "um"})
    return at


def packed_tiff(folder: Path) -> Path:
    at = folder / "a.tif"
    tifffile.imwrite(at, STACK, compression="zlib", predictor=True, photometric="minisblack")
    return at


def ome_tiff(folder: Path) -> Path:
    at = folder / "a.ome.tif"
    sizes = {f"PhysicalSize{axis}": 8.0 for axis in "ZYX"} | {f"PhysicalSize{axis}Unit": "nm" for axis in "ZYX"}
    tifffile.imwrite(at, STACK, ome=True, tile=(16, 16), compression="zlib", metadata={"axes": "ZYX", **sizes})
    return at


def hdf5(folder: Path) -> Path:
    at = folder / "a.h5"
    with h5py.File(at, "w") as file:
        data = file.create_dataset("group/raw", data=STACK, chunks=(2, 10, 12), compression="gzip")
        data.attrs["element_size_um"] = (0.03, 0.008, 0.008)
        data.attrs["axistags"] = json.dumps({"axes": [{"key": key} for key in "zyx"]})
    return at


def mrc(folder: Path) -> Path:
    at = folder / "a.mrc"
    with mrcfile.new(at) as file:
        file.set_data(STACK.astype(np.int16))
        file.voxel_size = (80.0, 80.0, 300.0)
    return at


def npy(folder: Path) -> Path:
    np.save(folder / "a.npy", STACK)
    return folder / "a.npy"


def images(suffix: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        for z, section in enumerate(STACK):
            Image.fromarray(section).save(folder / f"s{z}{suffix}")
        return folder / f"s1{suffix}"

    return make


def zarr_store(version: int, name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        store = folder / "a.zarr"
        pyramid = {
            "axes": [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"],
            "datasets": [
                {"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": [30.0, 8.0, 8.0]}]}
                for level in range(2)
            ],
        }
        attributes = (
            {"ome": {"version": "0.5", "multiscales": [pyramid]}} if version == 3 else {"multiscales": [pyramid]}
        )
        group = zarr.create_group(store, zarr_format=version, attributes=attributes)  # type: ignore[arg-type]
        for level in range(2):
            array = group.create_array(str(level), shape=STACK.shape, chunks=(2, 10, 12), dtype="uint8")
            array[:] = STACK
        return store / name

    return make


def sharded(folder: Path) -> Path:
    array = zarr.create_array(
        folder / "a.zarr", shape=STACK.shape, shards=(4, 20, 24), chunks=(2, 10, 12), dtype="uint8"
    )
    array[:] = STACK
    return folder / "a.zarr" / "c" / "0" / "0" / "0"


def precomputed(name: str, **scale: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        sizes = ((30.0, 8.0, 8.0), (30.0, 16.0, 16.0))
        at = write_precomputed(folder / "em", [STACK, STACK[:, ::2, ::2]], sizes, **scale)
        return at / name

    return make


def sharded_precomputed(name: str) -> Callable[[Path], Path]:
    return precomputed(name, sharding=SHARDING)


def n5(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        for level, data in enumerate((STACK, STACK[:, ::2, ::2])):
            resolution = {"dimensions": [8, 8, 30], "unit": "nm"}
            told = {"pixelResolution": resolution, "downsamplingFactors": [2**level, 2**level, 1]}
            write_n5(folder / "a.n5" / f"s{level}", data, told)
        listed = {"axes": ["x", "y", "z"], "multiscales": [{"datasets": [{"path": "s0"}, {"path": "s1"}]}]}
        (folder / "a.n5" / "attributes.json").write_text(json.dumps(listed))
        return folder / "a.n5" / name

    return make
