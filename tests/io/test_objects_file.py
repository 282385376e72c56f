"""Numbered objects survive their file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.class_map_file import read_class_map
from napari_em_autoclass.io.objects_file import write_objects

OBJECTS = np.random.default_rng(0).integers(0, 70_000, (5, 20, 30), dtype=np.int32)
NM = (50.0, 4.0, 4.0)


def sections() -> Iterator[tuple[int, np.ndarray]]:
    for z in (2, 3, 4, 1, 0):
        yield z, OBJECTS[z]


@pytest.mark.parametrize("name", ["objects.ome.zarr", "objects.ome.tif"])
def test_sections_in_any_order_become_a_stack(tmp_path: Path, name: str) -> None:
    found, told = read_class_map(write_objects(tmp_path / name, sections(), OBJECTS.shape, NM))
    assert found.dtype == np.uint32
    assert np.array_equal(found[0:5], OBJECTS)
    assert told.voxel_size_nm == NM
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["objects.ome.zarr", "objects.ome.tif"])
def test_nothing_is_left_of_what_fails(tmp_path: Path, name: str) -> None:
    def failing() -> Iterator[tuple[int, np.ndarray]]:
        yield 0, OBJECTS[0]
        raise InputError("the stack is gone")

    with pytest.raises(InputError, match="gone"):
        write_objects(tmp_path / name, failing(), OBJECTS.shape, NM)
    assert not list(tmp_path.iterdir())


def test_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    write_objects(tmp_path / "o.ome.tif", sections(), OBJECTS.shape, NM)
    with pytest.raises(InputError, match="exists already"):
        write_objects(tmp_path / "o.ome.tif", sections(), OBJECTS.shape, NM)
