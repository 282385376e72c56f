from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_em_autoclass.core.phantom import Phantom
from napari_em_autoclass.io.class_map_file import read_class_map


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory, small_phantom: Phantom) -> Path:
    """Give 40 painted voxels of cytoplasm and of membrane, as 1 and 2."""
    rng, paint = np.random.default_rng(0), np.zeros_like(small_phantom.labels)
    kinds = np.argsort(np.bincount(small_phantom.labels.ravel())[1:])[::-1][:2] + 1
    for number, kind in enumerate(kinds, start=1):
        places = np.argwhere(small_phantom.labels[1] == kind)
        y, x = places[rng.choice(len(places), 40, replace=False)].T
        paint[1, y, x] = number
    path = tmp_path_factory.mktemp("painted") / "painted.tif"
    tifffile.imwrite(path, paint, photometric="minisblack")
    return path


def test_what_is_painted_becomes_a_map_and_is_kept_for_other_stacks(
    em_autoclass: Any, trained_run: Path, stack: Path, painted: Path, tmp_path: Path, small_phantom: Phantom
) -> None:
    import shutil

    run = tmp_path / "run"
    shutil.copytree(trained_run, run)
    first = em_autoclass("probe", run, stack, painted, tmp_path / "a.ome.zarr", "--threads", 1, "--json")
    assert first.code == 0, first.err
    told = json.loads(first.out)
    assert told["kinds"] == [1, 2]
    assert told["painted"] == {"1": 40, "2": 40}
    assert (run / "probe.safetensors").is_file()
    found, about = read_class_map(tmp_path / "a.ome.zarr")
    ids = np.asarray(found[0:6])
    assert set(np.unique(ids)) == {1, 2}
    assert about.voxel_size_nm == small_phantom.voxel_size_nm
    assert about.names == {1: "kind 1", 2: "kind 2"}
    second = em_autoclass("probe", run, stack, run / "probe.safetensors", tmp_path / "b.ome.tif", "--threads", 1)
    assert second.code == 0, second.err
    assert "learned from 40 pixels" in second.out
    assert np.array_equal(np.asarray(read_class_map(tmp_path / "b.ome.tif")[0][0:6]), ids)


def test_a_region_is_taught_and_mapped_alone(
    em_autoclass: Any, trained_run: Path, stack: Path, painted: Path, tmp_path: Path
) -> None:
    import shutil

    run = tmp_path / "run"
    shutil.copytree(trained_run, run)
    ended = em_autoclass("probe", run, stack, painted, tmp_path / "a.ome.tif", "--roi", "0:3,:,:", "--threads", 1)
    assert ended.code == 0, ended.err
    assert read_class_map(tmp_path / "a.ome.tif")[0].shape == (3, 128, 128)


@pytest.mark.parametrize(
    ("paint", "says"), [("one kind", "paint at least two"), ("small", "differ in shape"), ("missing", "no such file")]
)
def test_what_teaches_nothing_is_one_line(
    em_autoclass: Any, trained_run: Path, stack: Path, tmp_path: Path, paint: str, says: str
) -> None:
    path = tmp_path / "painted.npy"
    if paint != "missing":
        np.save(path, np.ones((6, 128, 128) if paint == "one kind" else (6, 8, 8), np.uint8))
    ended = em_autoclass("probe", trained_run, stack, path, tmp_path / "a.ome.tif", "--threads", 1)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert says in ended.err
    assert not (tmp_path / "a.ome.tif").exists()
    assert not (trained_run / "probe.safetensors").exists()


def test_nothing_is_replaced_unasked(
    em_autoclass: Any, trained_run: Path, stack: Path, painted: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.ome.tif").touch()
    ended = em_autoclass("probe", trained_run, stack, painted, tmp_path / "a.ome.tif")
    assert ended.code == 2
    assert "--overwrite" in ended.err
