"""From a reader's array to a volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError, MissingVoxelSize
from napari_em_autoclass.io.axes import choose_axes
from napari_em_autoclass.io.request import ReadRequest, build_volume, stack_name

DATA = np.zeros((5, 6, 7), np.uint8)
AXES = choose_axes(DATA.shape, "ZYX", None, "s")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/stack.ome.tif", "stack"),
        ("stack.OME.ZARR", "stack"),
        ("v1.2.h5", "v1.2"),
        ("plain", "plain"),
        (".tif", ".tif"),
        ("folder.with.dots", "folder.with.dots"),
    ],
)
def test_the_name_of_a_stack_is_the_file_name_without_its_format(path, name):
    assert stack_name(Path(path)) == name


def test_the_scale_goes_by_letter():
    volume = build_volume(DATA, AXES, {"X": 3.0, "Z": 50.0, "Y": 4.0}, ReadRequest(), ("s", "s.npy"))
    assert volume.voxel_size_nm == (50.0, 4.0, 3.0)


def test_a_part_of_the_scale_is_told_in_the_message():
    with pytest.raises(MissingVoxelSize, match=r"only y 4 nm, x 3 nm"):
        build_volume(DATA, AXES, {"X": 3.0, "Y": 4.0}, ReadRequest(), ("s", "s.npy"))


def test_a_stack_of_one_section_is_refused():
    with pytest.raises(InputError, match="single section"):
        build_volume(DATA[:1], AXES, {}, ReadRequest(voxel_size_nm=(50, 4, 3)), ("s", "s.npy"))
