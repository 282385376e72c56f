from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Give a class map in which classes 2 and 3 are structure 7, and its labels, which know a name."""
    truth = np.full((8, 30, 30), 1, np.uint8)
    truth[:, 5:25, 5:25] = 7
    classes = np.where(truth == 7, 2, 1).astype(np.uint8)
    classes[:, 5:15, 5:25] = 3
    classes[:, 4, 5:25] = 2  # one voxel too far
    np.save(tmp_path / "classes.npy", classes)
    np.save(tmp_path / "x_labels.npy", truth)
    (tmp_path / "x.json").write_text('{"classes": {"7": "mitochondria"}}')
    return tmp_path / "classes.npy", tmp_path / "x_labels.npy"


@pytest.mark.parametrize("organelle", ["mitochondria", "7"])
def test_the_border_is_left_out_and_the_classes_are_found(
    em_autoclass: Any, files: tuple[Path, Path], organelle: str
) -> None:
    figures = json.loads(em_autoclass("score", *files, "--organelle", organelle, "--json").out)
    assert (figures["f1"], figures["jaccard"], figures["classes"]) == (1, 1, "2,3")
    assert figures["left_out"] > 0
    strict = em_autoclass("score", *files, "--organelle", organelle, "--classes", "2,3", "--border", 0, "--json")
    assert 0.9 < json.loads(strict.out)["precision"] < 1


def test_the_figures_are_printed_for_people(em_autoclass: Any, files: tuple[Path, Path]) -> None:
    lines = em_autoclass("score", *files, "--organelle", "7", "--classes", "2").out.splitlines()
    assert f"{'classes':22}2" in lines
    assert any(line.startswith("f1 ") for line in lines)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--organelle", "golgi"], "known are mitochondria"),
        (["--organelle", "9"], "does not occur"),
        (["--organelle", "7", "--classes", "99"], "not in the map"),
        (["--classes", "2"], "--organelle needs LABELS"),
        (["--organelle", "7", "--volume", "x.tif"], "with nothing else"),
    ],
)
def test_mistakes_are_one_line(em_autoclass: Any, files: tuple[Path, Path], options: list[str], says: str) -> None:
    ended = em_autoclass("score", *files, *options)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert says in ended.err
