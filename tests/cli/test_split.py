"""``classes --split``: parts in the table, in what is predicted, and taken back without a trace."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_em_autoclass.io.class_map_file import read_class_map


@pytest.fixture
def run(trained_run: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained_run, tmp_path / "run")
    return tmp_path / "run"


def listed(em_autoclass: Any, run: Path, *edit: object) -> list[dict[str, Any]]:
    ended = em_autoclass("classes", run, *edit, "--json")
    assert (ended.code, ended.err) == (0, "")
    rows: list[dict[str, Any]] = json.loads(ended.out)["classes"]
    return rows


def predicted(em_autoclass: Any, run: Path, stack: Path, out: Path) -> tuple[np.ndarray, Any]:
    ended = em_autoclass("predict", run, stack, "--out", out)
    assert ended.code == 0, ended.err
    data, info = read_class_map(str(out))
    return np.asarray(data[:, :, :]), info


def test_a_split_is_listed_predicted_and_undone(em_autoclass: Any, run: Path, stack: Path, tmp_path: Path) -> None:
    before = listed(em_autoclass, run)
    whole, _ = predicted(em_autoclass, run, stack, tmp_path / "whole.ome.tif")
    largest = int(np.bincount(whole.ravel()).argmax())
    split = listed(em_autoclass, run, "--split", largest, "--into", 3)
    assert [row["id"] for row in split if row["part_of"] == largest] == [5, 6, 7]
    assert largest not in [row["id"] for row in split]
    assert f"part of {largest}" in em_autoclass("classes", run).out
    parts, info = predicted(em_autoclass, run, stack, tmp_path / "parts.ome.zarr")
    assert np.array_equal(np.where(parts > 4, largest, parts), whole)
    assert set(np.unique(parts[whole == largest])) == {5, 6, 7}
    assert info.names[6] == f"class {largest} b"
    assert info.provenance["parts"] == {"5": largest, "6": largest, "7": largest}
    assert listed(em_autoclass, run, "--undo") == before
    assert np.array_equal(predicted(em_autoclass, run, stack, tmp_path / "again.ome.tif")[0], whole)
    assert listed(em_autoclass, run, "--redo") == split
    assert listed(em_autoclass, run, "--unsplit", 6) == before


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (["--split", "9"], "no class 9"),
        (["--split", "2", "--into", "7"], "--into"),
        (["--into", "3"], "belongs to --split"),
        (["--unsplit", "2"], "class 2 is not split"),
        (["--split", "2", "--undo"], "one edit at a time"),
    ],
)
def test_what_makes_no_sense_is_refused(em_autoclass: Any, run: Path, edit: list[str], says: str) -> None:
    ended = em_autoclass("classes", run, *edit)
    assert ended.code == 2
    assert says in ended.err
