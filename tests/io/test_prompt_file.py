"""Prompts as tables, for SAM, and as layers."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.refinement.prompts import Prompt
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io.prompt_file import napari_paths, prompt_rows, write_napari_prompts, write_prompts


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    prompts = [Prompt(3, (0, 7, 8), Box(0, 1, 4, 11, 5, 14), 63), Prompt(3, (2, 1, 1), Box(2, 3, 0, 2, 0, 2), 4)]
    return prompt_rows(prompts, "mito, dark")


def test_the_table_has_a_row_a_prompt(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    with write_prompts(tmp_path / "p.csv", rows).open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["prompt"] for row in found] == ["1", "2"]
    assert found[0]["name"] == "mito, dark"
    assert [found[0][key] for key in ("z", "y", "x", "y0", "x1", "size")] == ["0", "7", "8", "4", "14", "63"]


def test_json_is_as_the_predictors_of_sam_take_it(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    first = json.loads(write_prompts(tmp_path / "p.json", rows).read_text())["prompts"][0]
    assert first["point_coords"] == [[8, 7]]
    assert first["point_labels"] == [1]
    assert first["box"] == [5, 4, 13, 10]
    assert (first["z"], first["class"]) == (0, 3)


def test_napari_opens_them_as_points_and_boxes(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    reading = pytest.importorskip("napari_builtins.io").napari_get_reader
    points, boxes = write_napari_prompts(tmp_path / "p.json", rows)
    assert (points, boxes) == napari_paths(tmp_path / "p.json")
    ((data, _, kind),) = reading(str(points))(str(points))
    assert kind == "points"
    assert np.asarray(data).tolist() == [[0, 7, 8], [2, 1, 1]]
    ((data, meta, kind),) = reading(str(boxes))(str(boxes))
    assert kind == "shapes"
    assert len(data) == 2
    assert set(meta["shape_type"]) == {"rectangle"}
    assert np.asarray(data[0]).min(axis=0).tolist() == [0, 3.5, 4.5]
    assert np.asarray(data[0]).max(axis=0).tolist() == [0, 10.5, 13.5]


def test_nothing_is_replaced_unasked(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    write_prompts(tmp_path / "p.csv", rows)
    with pytest.raises(InputError, match="exists already"):
        write_prompts(tmp_path / "p.csv", rows)
    write_prompts(tmp_path / "p.csv", rows[:1], overwrite=True)


def test_another_format_is_refused(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    with pytest.raises(InputError, match=r"\.csv or \.json"):
        write_prompts(tmp_path / "p.xlsx", rows)
