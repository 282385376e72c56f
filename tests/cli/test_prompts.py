from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    stack = np.ones((3, 30, 40), np.uint8)
    stack[:, 5:12, 5:15], stack[1, 20:26, 20:30] = 2, 3
    np.save(tmp_path / "classes.npy", stack)
    return tmp_path / "classes.npy"


def test_a_row_a_piece_in_each_section(em_autoclass: Any, classes: Path, tmp_path: Path) -> None:
    ended = em_autoclass("prompts", classes, tmp_path / "p.csv", "--classes", "2,3")
    assert ended.code == 0, ended.err
    assert ended.out == f"4 prompts are in {tmp_path / 'p.csv'}\n"
    with (tmp_path / "p.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["z"] for row in rows] == ["0", "1", "1", "2"]
    assert {row["name"] for row in rows} == {"class 2"}


def test_in_3d_and_for_napari(em_autoclass: Any, classes: Path, tmp_path: Path) -> None:
    ended = em_autoclass("prompts", classes, tmp_path / "p.json", "--classes", 2, "--in-3d", "--napari", "--json")
    told = json.loads(ended.out)
    assert told["prompts"] == 1
    assert [Path(file).name for file in told["files"]] == ["p.json", "p.points.csv", "p.boxes.csv"]
    assert all(Path(file).is_file() for file in told["files"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["p.csv", "--classes", "7"], "no piece of 25 pixels of class 7"),
        (["p.csv", "--classes", "x"], "not ids of classes"),
        (["p.csv", "--classes", "0"], "ids from 1 on"),
        (["p.txt", "--classes", "2"], ".csv or .json"),
        (["classes.npy", "--classes", "2"], ".csv or .json"),
    ],
)
def test_mistakes_are_one_line(
    em_autoclass: Any, classes: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    ended = em_autoclass("prompts", classes, tmp_path / arguments[0], *arguments[1:])
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert says in ended.err
