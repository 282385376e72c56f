from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.phantom import Phantom
from napari_em_autoclass.io.class_map_file import read_class_map
from napari_em_autoclass.io.stack_file import write_stack


@pytest.fixture(scope="module")
def named_run(tmp_path_factory: pytest.TempPathFactory, trained_run: Path) -> Path:
    """Give the trained run with classes 2 and 3 merged under a name."""
    run = tmp_path_factory.mktemp("named") / "run"
    shutil.copytree(trained_run, run)
    folder = RunFolder.open(run)
    merged = folder.history.present.merge((2, 3), "membrane").recolour(2, "#102030")
    folder.save_history(folder.history.do(merged))
    return run


@pytest.fixture(scope="module")
def class_map(tmp_path_factory: pytest.TempPathFactory, named_run: Path, stack: Path) -> Path:
    from napari_em_autoclass.cli.app import main

    out = tmp_path_factory.mktemp("classes") / "classes.ome.zarr"
    assert main(["predict", str(named_run), str(stack), "--out", str(out)]) == 0
    return out


def test_the_class_map_has_the_grid_of_the_stack_and_ids_of_classes(class_map: Path, small_phantom: Phantom) -> None:
    group = zarr.open_group(class_map, mode="r")
    ids = np.asarray(group["0"])
    assert ids.dtype == np.uint8
    assert ids.shape == small_phantom.raw.shape
    assert set(np.unique(ids)) <= {1, 2, 3, 4}
    assert len(np.unique(ids)) > 1
    assert read_class_map(class_map)[1].voxel_size_nm == small_phantom.voxel_size_nm


def test_the_class_map_carries_names_colours_and_where_it_comes_from(
    class_map: Path, named_run: Path, stack: Path
) -> None:
    told = read_class_map(class_map)[1]
    assert told.n_classes == 4
    assert told.names == {1: "class 1", 2: "class 2", 3: "class 3", 4: "class 4"}  # single classes, not merged
    assert len(set(told.colors.values())) == 4
    assert told.provenance["volume"] == str(stack)
    assert told.provenance["run"]["settings"]["n_classes"] == 4
    assert told.provenance["merged"] is False


def test_merged_classes_are_written_as_one_under_its_name(
    em_autoclass: Any, class_map: Path, named_run: Path, stack: Path, tmp_path: Path
) -> None:
    out = tmp_path / "merged.ome.zarr"
    assert em_autoclass("predict", named_run, stack, "--out", out, "--merged").code == 0
    merged, told = read_class_map(out)
    single = np.asarray(read_class_map(class_map)[0][:])
    np.testing.assert_array_equal(np.asarray(merged[:]), np.where(single == 3, 2, single))
    assert told.names == {1: "class 1", 2: "membrane", 4: "class 4"}
    assert told.colors[2] == "#102030"


def test_tiff_holds_the_same_voxels(
    em_autoclass: Any, class_map: Path, named_run: Path, stack: Path, tmp_path: Path
) -> None:
    assert em_autoclass("predict", named_run, stack, "--out", tmp_path / "c.ome.tif").code == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "c.ome.tif"), read_class_map(class_map)[0][:])


def test_probabilities_agree_with_the_classes(
    em_autoclass: Any, class_map: Path, named_run: Path, stack: Path, tmp_path: Path
) -> None:
    ended = em_autoclass("predict", named_run, stack, "--out", tmp_path / "c.ome.zarr", "--probabilities", "--json")
    assert ended.code == 0
    places = json.loads(ended.out)
    probs = np.asarray(zarr.open_group(places["probabilities"], mode="r")["0"])
    ids = np.asarray(zarr.open_group(places["classes"], mode="r")["0"])
    assert probs.shape == (4, *ids.shape)
    chosen = np.take_along_axis(probs, ids[None].astype(int) - 1, axis=0)[0]
    np.testing.assert_array_equal(chosen, probs.max(axis=0))


def test_a_region_gives_the_classes_of_that_region_alone(
    em_autoclass: Any, named_run: Path, stack: Path, tmp_path: Path
) -> None:
    out = tmp_path / "c.ome.zarr"
    assert em_autoclass("predict", named_run, stack, "--out", out, "--roi", "1:5,0:96,32:128").code == 0
    assert tuple(read_class_map(out)[0].shape) == (4, 96, 96)


def test_what_is_there_is_replaced_only_when_asked(
    em_autoclass: Any, named_run: Path, stack: Path, tmp_path: Path
) -> None:
    out = tmp_path / "c.ome.tif"
    out.write_text("precious")
    refused = em_autoclass("predict", named_run, stack, "--out", out)
    assert (refused.code, out.read_text()) == (2, "precious")
    assert "--overwrite" in refused.err
    assert em_autoclass("predict", named_run, stack, "--out", out, "--overwrite").code == 0
    assert tifffile.imread(out).dtype == np.uint8


def test_other_dtypes_of_the_same_stack_give_the_same_classes(
    em_autoclass: Any, class_map: Path, named_run: Path, small_phantom: Phantom, tmp_path: Path
) -> None:
    same = np.asarray(read_class_map(class_map)[0][:])
    for dtype, gain, offset in (("uint16", 200.0, 1000.0), ("float32", 1 / 255, 0.0)):
        changed = (small_phantom.raw * gain + offset).astype(dtype)
        path = write_stack(tmp_path / f"{dtype}.ome.tif", changed, (50.0, 4.0, 4.0))
        assert em_autoclass("predict", named_run, path, "--out", tmp_path / f"{dtype}.tif").code == 0
        assert (tifffile.imread(tmp_path / f"{dtype}.tif") == same).mean() > 0.999


def test_a_broken_stack_leaves_nothing_behind(
    em_autoclass: Any, named_run: Path, small_phantom: Phantom, tmp_path: Path
) -> None:
    path = write_stack(tmp_path / "stack.ome.zarr", small_phantom.raw, (50.0, 4.0, 4.0))
    chunks = [file for file in (path / "0" / "c").rglob("*") if file.is_file()]
    chunks[-1].write_bytes(b"not what a codec expects")
    ended = em_autoclass("predict", named_run, path, "--out", tmp_path / "c.ome.zarr")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "can't read" in ended.err
    assert [left.name for left in tmp_path.iterdir()] == ["stack.ome.zarr"]


def test_a_stack_that_cannot_be_read_somewhere_is_written_without_that_if_asked(
    em_autoclass: Any, class_map: Path, named_run: Path, small_phantom: Phantom, tmp_path: Path
) -> None:
    path = write_stack(tmp_path / "stack.ome.zarr", np.tile(small_phantom.raw, (6, 1, 1)), (50.0, 4.0, 4.0))
    chunks = sorted(file for file in (path / "0" / "c").rglob("*") if file.is_file())
    chunks[-1].write_bytes(b"not what a codec expects")
    out = tmp_path / "c.ome.zarr"
    ended = em_autoclass("predict", named_run, path, "--out", out)
    assert ended.code == 2
    assert "2 of 3 blocks are kept in" in ended.err
    assert "--skip-unreadable" in ended.err
    assert not out.exists()
    ended = em_autoclass("predict", named_run, path, "--out", out, "--skip-unreadable")
    assert ended.code == 0, ended.err
    assert "going on: 2 of 3 blocks" in ended.out
    assert "sections 32 to 35, y 0:128, x 0:128" in ended.out
    found = np.asarray(read_class_map(out)[0][:])
    assert (found[32:] == 0).all()
    assert (found[:32] > 0).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--scheduler", "tcp://127.0.0.1:1", "--workers", "2"), "not both"),
        (("--threads-per-worker", "2"), "needs --workers"),
        (("--tls-ca", "ca.pem"), "--scheduler"),
    ],
)
def test_options_that_contradict_each_other_are_told(
    em_autoclass: Any, named_run: Path, stack: Path, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    ended = em_autoclass("predict", named_run, stack, "--out", tmp_path / "c.ome.zarr", *options)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert said in ended.err
