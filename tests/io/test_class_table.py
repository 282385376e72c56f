"""The table of classes."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io import ClassRow, count_voxels, write_class_table

ROWS = [ClassRow(1, 1, "membrane, outer", "#ff0000", 300), ClassRow(2, 1, "α", "#00ff00", 100)]


def test_shares_and_volumes_are_worked_out(tmp_path):
    path = write_class_table(tmp_path / "c.csv", ROWS, (50, 4, 5))
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        "id": "1",
        "shown_id": "1",
        "name": "membrane, outer",
        "color": "#ff0000",
        "share": "0.750000",
        "voxels": "300",
        "volume_um3": "0.0003",
    }
    assert (rows[1]["name"], rows[1]["share"]) == ("α", "0.250000")


def test_an_existing_table_is_refused_and_an_empty_map_has_no_shares(tmp_path):
    path = write_class_table(tmp_path / "c.csv", [ClassRow(1, 1, "a", "#000000", 0)], (1, 1, 1))
    assert "0.000000" in path.read_text(encoding="utf-8")
    with pytest.raises(InputError, match="exists already"):
        write_class_table(path, ROWS, (1, 1, 1))


def test_voxels_are_counted_for_every_class_that_could_be():
    class_map = np.array([0, 1, 1, 3, 3, 3], np.uint8).reshape(1, 2, 3)
    assert count_voxels(class_map, 4).tolist() == [1, 2, 0, 3, 0]


def test_a_large_map_is_counted_some_sections_at_a_time():
    class_map = np.random.default_rng(0).integers(0, 5, (11, 1000, 1000), dtype=np.uint8)
    asked = []

    class Watched:
        shape, dtype = class_map.shape, class_map.dtype

        def __getitem__(self, key):
            asked.append(class_map[key].shape[0])
            return class_map[key]

    np.testing.assert_array_equal(count_voxels(Watched(), 4), np.bincount(class_map.ravel(), minlength=5))
    assert sum(asked) == 11
    assert max(asked) < 6
