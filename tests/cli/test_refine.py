from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io import ClassMapTarget, read_class_map, write_class_map_zarr
from napari_em_autoclass.io.export_zarr import probabilities_path

Y, X = np.indices((64, 96))
SHAPE = (5, 64, 96)
NM = (50.0, 4.0, 4.0)


def disc(y: float, x: float, radius: float) -> np.ndarray:
    found: np.ndarray = (Y - y) ** 2 + (X - x) ** 2 < radius**2
    return found


TRUTH = np.where(disc(32, 30, 18) | disc(32, 61, 18), 2, 1).astype(np.uint8)[None].repeat(5, axis=0)
GRAINY = np.where(np.random.default_rng(0).random(SHAPE) < 0.15, 3 - TRUTH, TRUTH).astype(np.uint8)


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """Give a grainy map of two touching discs, with certain-ish probabilities beside it."""
    probs = np.stack([np.where(GRAINY == k, 180, 75) for k in (1, 2)]).astype(np.uint8)
    target = ClassMapTarget(SHAPE, NM, 2, {2: "mito"}, {2: "#102030"}, probabilities=True)
    return write_class_map_zarr(tmp_path / "classes.ome.zarr", [(Box.whole(SHAPE), GRAINY, probs)], target)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    np.save(tmp_path / "volume.npy", TRUTH * 100)
    return tmp_path / "volume.npy"


def result(path: Path) -> np.ndarray:
    return np.asarray(read_class_map(path)[0][0:5])


@pytest.mark.parametrize("with_probabilities", [True, False])
@pytest.mark.parametrize("tile", [512, 40])
def test_smoothing_removes_grain_and_keeps_borders_names_and_colours(
    em_autoclass: Any,
    classes: Path,
    volume: Path,
    tmp_path: Path,
    monkeypatch: Any,
    with_probabilities: bool,
    tile: int,
) -> None:
    from napari_em_autoclass.cli import refining

    monkeypatch.setattr(refining, "_TILE_PX", tile)
    if not with_probabilities:
        import shutil

        shutil.rmtree(probabilities_path(classes))
    out = tmp_path / "out.ome.zarr"
    ended = em_autoclass("refine", classes, out, "--smooth", "--volume", volume, "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out) == {"step": "smooth", "result": str(out)}
    assert (result(out) != TRUTH).mean() < 0.01 < (GRAINY != TRUTH).mean()
    told = read_class_map(out)[1]
    assert (told.names, told.colors) == ({2: "mito"}, {2: "#102030"})
    assert told.provenance["refined"][0]["step"] == "smoothed"


def test_crumbs_go(em_autoclass: Any, classes: Path, tmp_path: Path) -> None:
    ended = em_autoclass("refine", classes, tmp_path / "out.ome.tif", "--least", 12)
    assert ended.code == 0, ended.err
    found = result(tmp_path / "out.ome.tif")
    assert (found != TRUTH).mean() < 0.5 * (GRAINY != TRUTH).mean()
    for section in found:
        for k in (1, 2):
            assert np.bincount(ndimage.label(section == k)[0].ravel())[1:].min(initial=12) >= 12


@pytest.mark.parametrize("per_section", [True, False])
def test_masks_vote_and_give_their_borders(em_autoclass: Any, classes: Path, tmp_path: Path, per_section: bool) -> None:
    masks = np.where(TRUTH == 2, np.where(X < 46, 1, 2), 0).astype(np.uint16)
    if not per_section:
        masks[masks > 0] += np.repeat(2 * np.arange(5), np.count_nonzero(masks[0])).astype(np.uint16)
    np.save(tmp_path / "masks.npy", masks)
    options = ["--per-section"] if per_section else []
    ended = em_autoclass("refine", classes, tmp_path / "o.ome.zarr", "--masks", tmp_path / "masks.npy", *options)
    assert ended.code == 0, ended.err
    found = result(tmp_path / "o.ome.zarr")
    assert (found[TRUTH == 2] == 2).all()
    assert np.array_equal(found[TRUTH == 1], GRAINY[TRUTH == 1])


def test_classes_that_turn_into_each_other_become_one(em_autoclass: Any, tmp_path: Path) -> None:
    flicker = np.where(np.indices(SHAPE).sum(axis=0) % 2, 1, 3)
    np.save(tmp_path / "c.npy", np.where(TRUTH == 2, 2, flicker).astype(np.uint8))
    out = tmp_path / "o.ome.zarr"
    ended = em_autoclass("refine", tmp_path / "c.npy", out, "--groups", 2, "--voxel-size", *NM)
    assert ended.code == 0, ended.err
    assert np.array_equal(result(out), TRUTH)
    assert read_class_map(out)[1].provenance["refined"][0]["groups"] == [[1, 3], [2]]


@pytest.mark.parametrize("name", ["objects.ome.tif", "objects.ome.zarr"])
def test_touching_objects_get_numbers_that_they_keep(em_autoclass: Any, tmp_path: Path, name: str) -> None:
    np.save(tmp_path / "c.npy", TRUTH)
    given = ("refine", tmp_path / "c.npy", tmp_path / name, "--objects", 2, "--cell", 3, "--voxel-size", *NM)
    ended = em_autoclass(*given)
    assert ended.code == 0, ended.err
    found = result(tmp_path / name)
    assert np.array_equal(found > 0, TRUTH == 2)
    assert found.max() == 2
    assert (found == found[0]).all()
    assert read_class_map(tmp_path / name)[1].voxel_size_nm == NM
    assert em_autoclass(*given, "--neck", 0, "--overwrite").code == 0
    assert result(tmp_path / name).max() == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "one step at a time"),
        (["--least", "9", "--groups", "2"], "one step at a time"),
        (["--smooth"], "--smooth needs --volume"),
        (["--least", "9", "--volume", "x.tif"], "--smooth needs --volume"),
        (["--masks", "missing.tif"], "no such file"),
        (["--objects", "9"], "not in the map"),
        (["--objects", "two"], "not ids of classes"),
    ],
)
def test_mistakes_are_one_line(em_autoclass: Any, classes: Path, tmp_path: Path, options: list[str], says: str) -> None:
    ended = em_autoclass("refine", classes, tmp_path / "out.ome.zarr", *options)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert says in ended.err
    assert not (tmp_path / "out.ome.zarr").exists()


def test_what_is_there_and_what_has_no_format_is_refused(em_autoclass: Any, classes: Path, tmp_path: Path) -> None:
    assert "--overwrite" in em_autoclass("refine", classes, classes, "--least", 9).err
    assert "so that the format is clear" in em_autoclass("refine", classes, tmp_path / "out.png", "--least", 9).err


def test_masks_and_stacks_of_another_shape_are_refused(em_autoclass: Any, classes: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", np.ones((5, 8, 8), np.uint8))
    for options in (["--masks"], ["--smooth", "--volume"]):
        ended = em_autoclass("refine", classes, tmp_path / "o.ome.zarr", *options, tmp_path / "m.npy")
        assert ended.code == 2
        assert "differ in shape" in ended.err
