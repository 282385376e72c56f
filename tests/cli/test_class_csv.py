"""The table of the classes of a run."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_em_autoclass.io import read_class_map
from napari_em_autoclass.io.class_table import CLASS_COLUMNS


@pytest.fixture
def run(trained_run: Path, tmp_path: Path) -> Path:
    """Give a copy of the trained run, to be edited."""
    shutil.copytree(trained_run, tmp_path / "run")
    return tmp_path / "run"


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_is_estimated_from_the_stack_of_the_run(
    em_autoclass: Any, run: Path, stack: Path, tmp_path: Path
) -> None:
    em_autoclass("classes", run, "--merge", "2,4", "--name", "mitochondria")
    ended = em_autoclass("classes", run, "--csv", tmp_path / "t.csv", "--volume", stack)
    assert (ended.code, ended.err) == (0, "")
    assert "estimated from some places" in ended.out
    rows = read(tmp_path / "t.csv")
    assert tuple(rows[0]) == CLASS_COLUMNS
    assert [row["group"] for row in rows] == ["", "mitochondria", "", "mitochondria"]
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1, abs=1e-4)
    assert any(row["certainty"] for row in rows)


def test_with_a_map_every_voxel_counts(em_autoclass: Any, run: Path, stack: Path, tmp_path: Path) -> None:
    assert em_autoclass("predict", run, stack, "--out", tmp_path / "map.ome.zarr").code == 0
    ended = em_autoclass("classes", run, "--csv", tmp_path / "t.csv", "--map", tmp_path / "map.ome.zarr")
    assert (ended.code, ended.err) == (0, "")
    assert "counted, every voxel" in ended.out
    found = np.asarray(read_class_map(tmp_path / "map.ome.zarr")[0][:])
    assert [int(row["voxels"]) for row in read(tmp_path / "t.csv")] == [int((found == i).sum()) for i in range(1, 5)]


def test_a_map_that_does_not_fit_is_refused(em_autoclass: Any, run: Path, stack: Path, tmp_path: Path) -> None:
    em_autoclass("predict", run, stack, "--out", tmp_path / "map.ome.zarr", "--merged")
    ended = em_autoclass("classes", run, "--csv", tmp_path / "t.csv", "--map", tmp_path / "map.ome.zarr")
    assert ended.code == 2
    assert "written with --merged" in ended.err
    assert not (tmp_path / "t.csv").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--map", "x.ome.zarr"), "--map belongs to --csv"),
        (("--csv", "x.csv", "--undo"), "one edit at a time"),
        (("--csv", "none/x.csv"), "does not exist; create it first"),
    ],
)
def test_what_makes_no_sense_is_said(em_autoclass: Any, run: Path, options: tuple[str, ...], says: str) -> None:
    ended = em_autoclass("classes", run, *options)
    assert ended.code == 2
    assert says in ended.err
