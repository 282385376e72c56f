from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_em_autoclass.cli.phantom import labels_beside
from napari_em_autoclass.core.phantom import CLASS_NAMES, make_phantom
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io.class_map_file import read_class_map
from napari_em_autoclass.io.readers import open_volume


@pytest.mark.parametrize(
    ("name", "mode"), [("p.ome.tif", "sstem"), ("p.ome.zarr", "fibsem"), ("p.tif", "fibsem"), ("p.zarr", "sstem")]
)
def test_stack_and_truth_are_those_of_the_phantom(name: str, mode: str, em_autoclass: Any, tmp_path: Path) -> None:
    out = tmp_path / name
    ended = em_autoclass("phantom", out, "--mode", mode, "--shape", 3, 40, 4, "--seed", 2)
    assert (ended.code, ended.err) == (0, "")
    made = make_phantom((3, 40, 4), mode, 2)  # type: ignore[arg-type]
    volume = open_volume(out)
    assert volume.voxel_size_nm == made.voxel_size_nm
    np.testing.assert_array_equal(volume.read(Box.whole((3, 40, 4))), made.raw)
    truth, told = read_class_map(labels_beside(out))
    np.testing.assert_array_equal(np.asarray(truth[:]), made.labels)
    assert told.names == CLASS_NAMES
    assert json.loads((tmp_path / "p.json").read_text())["classes"] == {str(i): n for i, n in CLASS_NAMES.items()}


@pytest.mark.parametrize(
    ("stack", "labels"),
    [
        ("a.ome.tif", "a_labels.ome.tif"),
        ("a.b.ome.zarr", "a.b_labels.ome.zarr"),
        ("a.TIF", "a_labels.TIF"),
        ("a.tiff", "a_labels.tiff"),
    ],
)
def test_labels_lie_beside_the_stack(stack: str, labels: str) -> None:
    assert labels_beside(Path("data") / stack) == Path("data") / labels


@pytest.mark.parametrize(
    "arguments",
    [
        ["p.png"],
        ["p.ome.tif", "--mode", "xray"],
        ["p.ome.tif", "--shape", "0", "8", "8"],
        ["p.ome.tif", "--seed", "-1"],
        ["p.ome.tif", "--labels", "truth.png"],
        ["none/p.ome.tif", "--shape", "2", "8", "8"],
    ],
)
def test_bad_wishes_write_nothing(
    arguments: list[str], em_autoclass: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = em_autoclass("phantom", *arguments)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert list(tmp_path.iterdir()) == []


def test_no_file_is_replaced_unasked(em_autoclass: Any, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text("precious")
    arguments = ("phantom", tmp_path / "p.ome.tif", "--shape", 2, 8, 8)
    assert em_autoclass(*arguments).code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["p.json"]
    assert em_autoclass(*arguments, "--overwrite").code == 0
    assert (tmp_path / "p.json").read_text() != "precious"
