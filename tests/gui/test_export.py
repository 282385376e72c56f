"""A whole volume into a file, with names, merges and provenance."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from napari_em_autoclass.contributions import get_reader
from napari_em_autoclass.core import predict, tiling
from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.class_survey import survey
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.export import ExportOrder, export, write_estimated_table
from napari_em_autoclass.io import probabilities_path, read_class_map


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, phantom: Any) -> tuple[Path, Volume]:
    """Give the folder of a run of the quick recipe, and its volume."""
    from napari_em_autoclass.core.run_settings import apply_setting, load_recipe

    settings = load_recipe("filters")
    for change in (
        "n_classes=4",
        "device=cpu",
        "classifier.filter_scales_nm=[8.0, 16.0]",
        "tiles.size_px=32",
        "tiles.region_px=32",
    ):
        settings = apply_setting(settings, change)
    folder = tmp_path_factory.mktemp("runs") / "run"
    volume = Volume(phantom.raw, phantom.voxel_size_nm, "phantom", "phantom.tif")
    list(Trainer(volume, settings, run_dir=folder).events())
    return folder, volume


@pytest.mark.parametrize("name", ["classes.ome.zarr", "classes.ome.tif"])
def test_every_voxel_gets_its_class_and_the_file_the_names(finished: Any, tmp_path: Path, name: str) -> None:
    folder, volume = finished
    class_map = ClassMap.fresh(4).rename(2, "mitochondria")
    said: list[float] = []
    path = export(ExportOrder(folder, volume, class_map, tmp_path / name), said.append)
    data, info = read_class_map(path)
    found = np.asarray(data[:])
    assert found.shape == volume.shape_zyx
    assert found.min() >= 1
    assert info.names[2] == "mitochondria"
    assert info.voxel_size_nm == pytest.approx(volume.voxel_size_nm)
    assert said[0] == 0
    assert said[-1] == 1


def test_merged_classes_are_written_under_the_smallest_id(finished: Any, tmp_path: Path) -> None:
    folder, volume = finished
    class_map = ClassMap.fresh(4).merge([1, 3, 4], name="rest")
    order = ExportOrder(folder, volume, class_map, tmp_path / "merged.ome.zarr", merged=True)
    data, info = read_class_map(export(order, lambda fraction: None))
    assert set(np.unique(data[:])) <= {1, 2}
    assert info.names == {1: "rest", 2: "class 2"}


class ChangedMindError(Exception): ...


def cancelled_at(fraction: float) -> Any:
    def report(done: float) -> None:
        if done >= fraction:
            raise ChangedMindError

    return report


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["no.ome.zarr", "no.ome.tif", "no.csv"])
@pytest.mark.parametrize("region", [None, "1:4,10:60,0:33"])
def test_an_export_that_is_cancelled_leaves_nothing(
    finished: Any, tmp_path: Path, name: str, region: str | None
) -> None:
    folder, volume = finished
    order = ExportOrder(folder, volume, ClassMap.fresh(4), tmp_path / name, region=region)
    with pytest.raises(ChangedMindError):
        export(order, cancelled_at(0.5))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["map.ome.zarr", "map.ome.tif", "table.csv"])
def test_an_export_that_fails_keeps_the_old_file(
    finished: Any, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, volume = finished
    path = export(ExportOrder(folder, volume, ClassMap.fresh(4), tmp_path / name), lambda _: None)
    before = {at: at.read_bytes() for at in sorted(tmp_path.rglob("*")) if at.is_file()}
    assert before

    class Torn:
        shape, dtype = volume.shape_zyx, volume.dtype

        def __getitem__(self, key: Any) -> Any:
            if key[0].stop == 5 and key[0].start > 0:
                raise OSError("torn")
            return volume.data[key]

    torn = Volume(Torn(), volume.voxel_size_nm, "phantom", "phantom.tif")
    monkeypatch.setattr(predict, "_MAX_SECTIONS", 2)  # several blocks, the last of which fails
    with pytest.raises(InputError, match="can't read"):
        export(ExportOrder(folder, torn, ClassMap.fresh(4), path), lambda _: None)
    assert {at: at.read_bytes() for at in sorted(tmp_path.rglob("*")) if at.is_file()} == before
    assert [at.name for at in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["part.ome.zarr", "part.ome.tif"])
def test_a_part_is_the_same_as_in_the_map_of_all_and_lies_where_it_was(
    finished: Any, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiling, "_MAX_TILE_PX", 32)  # several tiles and blocks
    monkeypatch.setattr(predict, "_MAX_SECTIONS", 2)
    folder, volume = finished
    class_map, said = ClassMap.fresh(4).merge([1, 2]), list[float]()
    whole = export(ExportOrder(folder, volume, class_map, tmp_path / f"all-{name}", merged=True), lambda _: None)
    order = ExportOrder(folder, volume, class_map, tmp_path / name, merged=True, region="1:4,10:60,:33")
    found, info = read_class_map(export(order, said.append))
    np.testing.assert_array_equal(np.asarray(found[:]), np.asarray(read_class_map(whole)[0][1:4, 10:60, :33]))
    assert list(info.provenance["corner_zyx"]) == [1, 10, 0]
    assert said == sorted(said)
    assert said[-1] == 1
    reader = get_reader(str(tmp_path / name)) if name.endswith("zarr") else None
    if reader is not None:
        ((_, attributes, _),) = reader(str(tmp_path / name))
        assert attributes["translate"] == tuple(n * nm for n, nm in zip((1, 10, 0), volume.voxel_size_nm, strict=True))
        scale, shift = zarr.open_group(tmp_path / name).attrs["ome"]["multiscales"][0]["datasets"][0][
            "coordinateTransformations"
        ]
        assert tuple(scale["scale"]) == volume.voxel_size_nm
        assert tuple(shift["translation"]) == attributes["translate"]


def test_probabilities_of_a_part_come_with_it(finished: Any, tmp_path: Path) -> None:
    folder, volume = finished
    orders = [
        ExportOrder(folder, volume, ClassMap.fresh(4), tmp_path / name, probabilities=True, region=region)
        for name, region in (("all.ome.zarr", None), ("part.ome.zarr", "1:3,8:40,5:64"))
    ]
    whole, part = (
        np.asarray(zarr.open_group(probabilities_path(export(order, lambda _: None)))["0"][:]) for order in orders
    )
    np.testing.assert_array_equal(part, whole[:, 1:3, 8:40, 5:64])


@pytest.mark.parametrize("region", [None, "0:3,8:40,5:64"])
def test_a_table_counts_every_voxel(finished: Any, tmp_path: Path, region: str | None) -> None:
    folder, volume = finished
    class_map = ClassMap.fresh(4).rename(2, "mitochondria").merge([1, 3], "rest")
    order = ExportOrder(folder, volume, class_map, tmp_path / "table.csv", region=region)
    rows = read_table(export(order, lambda _: None))
    found = np.asarray(read_class_map(export(replace(order, path=tmp_path / "map.ome.zarr"), lambda _: None))[0][:])
    assert [int(row["voxels"]) for row in rows] == [int((found == i).sum()) for i in range(1, 5)]
    assert [row["group"] for row in rows] == ["rest", "", "rest", ""]
    assert rows[1]["name"] == "mitochondria"
    merged = read_table(export(replace(order, merged=True, path=tmp_path / "merged.csv"), lambda _: None))
    assert [(row["name"], row["classes"]) for row in merged] == [
        ("rest", "1 3"),
        ("mitochondria", "2"),
        ("class 4", "4"),
    ]
    assert {at.name for at in tmp_path.iterdir()} == {"table.csv", "map.ome.zarr", "merged.csv"}


def test_certainty_comes_from_what_is_known(finished: Any, tmp_path: Path) -> None:
    folder, volume = finished
    known = survey(RunFolder.open(folder).model(), volume).statistics
    order = ExportOrder(folder, volume, ClassMap.fresh(4), tmp_path / "table.csv", statistics=known)
    counted = read_table(export(order, lambda _: None))
    estimated = read_table(write_estimated_table(tmp_path / "e.csv", ClassMap.fresh(4), known, False))
    assert [row["certainty"] for row in counted] == [row["certainty"] for row in estimated]
    assert any(row["certainty"] for row in counted)


def test_a_run_of_a_device_that_is_not_here_is_used_on_another(finished: Any, tmp_path: Path) -> None:
    folder, volume = finished
    copy = tmp_path / "run"
    shutil.copytree(folder, copy)
    (copy / "run.json").write_text((copy / "run.json").read_text().replace('"device": "cpu"', '"device": "mps"'))
    assert export(ExportOrder(copy, volume, ClassMap.fresh(4), tmp_path / "map.ome.tif"), lambda _: None).is_file()
