"""The table of classes."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.class_splits import with_split
from napari_em_autoclass.core.class_statistics import ClassStatistics, StatisticsCounter, statistics_of_map
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.split import FoundParts
from napari_em_autoclass.io.class_table import CLASS_COLUMNS, class_columns, figures_of, write_class_table

SIZE = (50.0, 4.0, 5.0)


def counted(n_ids: int = 4) -> ClassStatistics:
    """Two sections: class 1 beside class 2, class 3 in the second alone, class 4 nowhere."""
    ids = np.array([[[1, 1, 2, 2]], [[1, 1, 2, 3]]], np.uint8)
    counter = StatisticsCounter(n_ids, ids.shape, SIZE)
    counter.add(0, ids, np.array([[0.0, 1.0, 2.0, 2.0]]))
    return counter.done()


def row(columns: dict[str, list[Any]], class_id: int) -> dict[str, Any]:
    at = columns["index"].index(class_id)
    return {name: column[at] for name, column in columns.items()}


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_each_class_has_its_figures() -> None:
    class_map = ClassMap.fresh(4).rename(1, "membrane, outer").recolour(1, "#ff0000").lock([2]).ignore([3])
    columns = class_columns(class_map, figures_of(counted(), class_map))
    assert tuple(columns) == CLASS_COLUMNS
    first = row(columns, 1)
    assert (first["name"], first["color"], first["group"], first["classes"]) == ("membrane, outer", "#ff0000", "", "1")
    assert (first["share"], first["voxels"], first["sections"], first["sections_seen"]) == (0.5, 4, 2, 2)
    assert first["volume_um3"] == pytest.approx(4 * 50 * 4 * 5 * 1e-9)
    assert (first["entropy_bits"], first["certainty"]) == (0.5, 0.75)  # 0.5 of log2 4 bits
    assert first["neighbours"] == "class 2 100%"
    assert row(columns, 3)["neighbours"].startswith("class 2 100%")
    assert (row(columns, 2)["locked"], row(columns, 3)["ignored"], row(columns, 3)["locked"]) == (True, True, False)
    assert row(columns, 4)["share"] == 0


def test_merged_classes_keep_their_figures_and_name_their_group() -> None:
    class_map = ClassMap.fresh(4).merge([1, 3], "rest").with_visible([1], False)
    columns = class_columns(class_map, figures_of(counted(), class_map))
    assert [row(columns, i)["group"] for i in (1, 2, 3)] == ["rest", "", "rest"]
    assert [row(columns, i)["name"] for i in (1, 3)] == ["class 1", "class 3"]
    assert row(columns, 3)["share"] == 0.125
    assert [row(columns, i)["visible"] for i in (1, 2, 3)] == [False, True, False]


def test_as_shown_a_group_is_one_row() -> None:
    class_map = ClassMap.fresh(4).merge([1, 3], "rest")
    columns = class_columns(class_map, figures_of(counted(), class_map, merged=True), merged=True)
    assert columns["index"] == [1, 2, 4]
    rest = row(columns, 1)
    assert (rest["name"], rest["classes"], rest["share"], rest["sections"]) == ("rest", "1 3", 0.625, 2)
    assert row(columns, 2)["neighbours"] == "rest 100%"
    assert sum(columns["share"]) == pytest.approx(1)


def test_parts_name_the_class_they_are_of_and_what_was_not_counted_stays_open() -> None:
    found = FoundParts(2, ((0.0, 1.0), (1.0, 0.0)), 1.0, "student@3")
    class_map = with_split(ClassMap.fresh(4), found)
    columns = class_columns(class_map, figures_of(counted(), class_map))
    assert columns["index"] == [1, 2, 3, 4, 5, 6]
    assert columns["part_of"] == [None, None, None, None, 2, 2]
    assert columns["share"][4:] == [None, None]
    with_parts = class_columns(class_map, figures_of(counted(6), class_map))
    assert with_parts["share"][4:] == [0, 0]
    assert row(with_parts, 5)["name"] == "class 2 a"


def test_without_figures_names_and_flags_are_there() -> None:
    columns = class_columns(ClassMap.fresh(3))
    assert columns["share"] == [None] * 3
    assert columns["name"] == ["class 1", "class 2", "class 3"]
    assert {len(column) for column in columns.values()} == {3}


def test_a_map_without_probabilities_tells_no_certainty() -> None:
    classes = np.random.default_rng(0).integers(1, 5, (3, 16, 16), dtype=np.uint8)
    class_map = ClassMap.fresh(4)
    columns = class_columns(class_map, figures_of(statistics_of_map(classes, 4, SIZE), class_map))
    assert columns["certainty"] == [None] * 4
    assert columns["voxels"] == [int((classes == i).sum()) for i in range(1, 5)]


def test_the_table_is_written_as_it_is(tmp_path: Path) -> None:
    class_map = ClassMap.fresh(4).rename(1, 'membrane, "outer"').rename(2, "α")
    columns = class_columns(class_map, figures_of(counted(), class_map))
    rows = read(write_class_table(tmp_path / "c.csv", columns))
    assert tuple(rows[0]) == CLASS_COLUMNS
    assert [line["name"] for line in rows[:2]] == ['membrane, "outer"', "α"]
    assert (rows[0]["share"], rows[0]["visible"], rows[0]["part_of"]) == ("0.5", "yes", "")
    assert math.isclose(float(rows[0]["volume_um3"]), 4e-6)


def test_an_existing_table_is_refused_unless_it_may_go(tmp_path: Path) -> None:
    path = write_class_table(tmp_path / "c.csv", {"index": [1]})
    with pytest.raises(InputError, match="exists already"):
        write_class_table(path, {"index": [2]})
    assert read(path) == [{"index": "1"}]
    write_class_table(path, {"index": [2]}, overwrite=True)
    assert read(path) == [{"index": "2"}]


def test_features_of_the_layer_have_the_columns_of_the_csv(qapp: Any) -> None:
    from napari_em_autoclass.gui.class_table import ClassTable

    class_map = ClassMap.fresh(4).merge([1, 3], "rest")
    known = statistics_of_map(np.arange(48, dtype=np.uint8).reshape(3, 4, 4) % 4 + 1, 4, (50.0, 4.0, 4.0))
    table = ClassTable()
    table.set_class_map(class_map)
    assert "share" not in table.features(class_map)  # nothing is known yet
    table.set_statistics(known)
    columns = class_columns(class_map, figures_of(known, class_map))
    assert table.features(class_map) == {
        name: cells for name, cells in columns.items() if any(c is not None for c in cells)
    }
    assert table.features(class_map)["group"] == ["rest", "", "rest", ""]
