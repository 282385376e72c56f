from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io import ClassMapTarget, write_class_map_zarr

CLASSES = np.random.default_rng(0).integers(1, 5, (8, 20, 24), dtype=np.uint8)


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    target = ClassMapTarget(CLASSES.shape, (5.0, 5.0, 5.0), 4, {1: "er", 2: "mito", 3: "class 3", 4: "mito"})
    return write_class_map_zarr(tmp_path / "classes.ome.zarr", [(Box.whole(CLASSES.shape), CLASSES)], target)


def test_named_classes_become_predictions_and_those_of_one_name_one(
    em_autoclass: Any, classes: Path, tmp_path: Path
) -> None:
    ended = em_autoclass("asem", classes, tmp_path / "cell.zarr", "--json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    assert list(told) == ["er", "mito"]
    assert np.array_equal(zarr.open_array(told["mito"], mode="r")[:], np.isin(CLASSES, (2, 4)))


def test_organelles_are_named_with_their_classes(em_autoclass: Any, classes: Path, tmp_path: Path) -> None:
    store = tmp_path / "cell.zarr"
    ended = em_autoclass("asem", classes, store, "--organelle", "a=1,3", "--organelle", "b=2", "--offset", 5, 10, 0)
    assert ended.code == 0, ended.err
    array = zarr.open_array(store / "volumes/predictions/a", mode="r")
    assert array.attrs["offset"] == [5, 10, 0]
    assert np.array_equal(array[:], np.isin(CLASSES, (1, 3)))


def test_labels_of_a_store_score_a_map_of_the_whole(em_autoclass: Any, classes: Path, tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "cell.zarr", zarr_format=2)
    part = np.isin(CLASSES[2:6, :, 4:], (2, 4)).astype(np.uint8)
    for name, data, offset in (("raw", CLASSES, [0, 0, 0]), ("labels/mito", part, [10, 0, 20])):
        attributes: Any = {"resolution": [5, 5, 5], "offset": offset}
        group.create_array(f"volumes/{name}", data=data, attributes=attributes)
    given = ("score", classes, tmp_path / "cell.zarr", "--organelle")
    ended = em_autoclass(*given, "mito", "--classes", "2,4", "--border", 0, "--json")
    assert json.loads(ended.out)["f1"] == 1
    refused = em_autoclass(*given, "golgi")
    assert refused.code == 2
    assert "has labels of mito" in refused.err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--organelle", "mito"], "write e.g. mito=3,7"),
        (["--organelle", "mito=9"], "not in the map"),
        (["--organelle", "../x=1"], "plain name"),
    ],
)
def test_mistakes_are_one_line(em_autoclass: Any, classes: Path, tmp_path: Path, options: list[str], says: str) -> None:
    ended = em_autoclass("asem", classes, tmp_path / "cell.zarr", *options)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert says in ended.err
    assert not (tmp_path / "cell.zarr").exists()


def test_a_map_without_names_asks_for_them(em_autoclass: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "c.npy", CLASSES)
    ended = em_autoclass("asem", tmp_path / "c.npy", tmp_path / "cell.zarr", "--voxel-size", 5, 5, 5)
    assert ended.code == 2
    assert "say what to write" in ended.err
