from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.normalise import fit_normalisation
from napari_em_autoclass.core.predict import ClassBlock
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting
from napari_em_autoclass.core.volume import Box, Volume
from napari_em_autoclass.io import read_class_map
from napari_em_autoclass.io.run_export import RunExport, run_facts, write_run_map

SHAPE = (3, 8, 10)


@pytest.fixture
def volume(rng: np.random.Generator) -> Volume:
    return Volume(rng.integers(0, 255, SHAPE, dtype=np.uint8), (50.0, 4.0, 3.0), "tissue", "/data/tissue.tif")


@pytest.fixture
def folder(volume: Volume, tmp_path: Path) -> RunFolder:
    settings = apply_setting(RunSettings(), "n_classes=4")
    return RunFolder.create(tmp_path / "run", settings, volume, fit_normalisation(volume))


@pytest.fixture
def merged_map() -> ClassMap:
    return ClassMap.fresh(4).rename(1, "dark").merge([2, 4], "organelles")


@pytest.fixture
def block() -> ClassBlock:
    classes = (np.arange(np.prod(SHAPE)) % 4 + 1).reshape(SHAPE).astype(np.uint8)
    return ClassBlock(Box.whole(SHAPE), classes, None)


@pytest.mark.parametrize("name", ["map.ome.zarr", "map.ome.tif"])
@pytest.mark.parametrize("merged", [False, True])
def test_a_map_is_written_with_the_names_that_show(
    folder: RunFolder, volume: Volume, merged_map: ClassMap, block: ClassBlock, name: str, merged: bool
) -> None:
    export = RunExport(folder, volume, merged_map, merged)
    path = write_run_map(folder.path.parent / name, export.shown([block]), export)
    found, info = read_class_map(path)
    expected = merged_map.lookup()[block.classes] if merged else block.classes
    np.testing.assert_array_equal(np.asarray(found[:, :, :]), expected)
    assert info.voxel_size_nm == pytest.approx((50, 4, 3))
    names = {1: "dark", 2: "organelles", 3: "class 3"}
    assert info.names == (names if merged else {1: "dark", 2: "class 2", 3: "class 3", 4: "class 4"})


def test_the_file_tells_what_it_was_made_from(folder: RunFolder, volume: Volume, merged_map: ClassMap) -> None:
    provenance = RunExport(folder, volume, merged_map, merged=True).target().provenance
    assert provenance["volume"] == "/data/tissue.tif"
    assert provenance["merged"] is True
    assert provenance["run"] == run_facts(folder)


def test_facts_are_plain_values(folder: RunFolder) -> None:
    facts = run_facts(folder)
    assert json.loads(json.dumps(facts)) == facts
    assert facts["settings"]["n_classes"] == 4
    assert "torch" in facts["versions"]


def test_probabilities_pass_unchanged_through_merges(folder: RunFolder, volume: Volume, merged_map: ClassMap) -> None:
    probs = np.full((4, *SHAPE), 63, np.uint8)
    made = ClassBlock(Box.whole(SHAPE), np.full(SHAPE, 4, np.uint8), probs)
    ((_, classes, kept),) = RunExport(folder, volume, merged_map, True, True).shown([made])
    assert (classes == 2).all()
    assert kept is probs


def test_what_is_there_is_kept_unless_it_may_be_replaced(
    folder: RunFolder, volume: Volume, merged_map: ClassMap, block: ClassBlock
) -> None:
    export, path = RunExport(folder, volume, merged_map), folder.path.parent / "map.ome.zarr"
    write_run_map(path, export.shown([block]), export)
    with pytest.raises(InputError, match="exists"):
        write_run_map(path, export.shown([block]), export)
    write_run_map(path, export.shown([block]), export, overwrite=True)
