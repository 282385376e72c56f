"""A whole volume into a file, with names, merges and provenance."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.export import ExportOrder, command_line, export
from napari_em_autoclass.io import read_class_map


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


def test_an_export_that_is_cancelled_leaves_nothing(finished: Any, tmp_path: Path) -> None:
    folder, volume = finished

    class ChangedMind(Exception): ...

    def report(fraction: float) -> None:
        if fraction > 0:
            raise ChangedMind

    order = ExportOrder(folder, volume, ClassMap.fresh(4), tmp_path / "no.ome.zarr")
    with pytest.raises(ChangedMind):
        export(order, report)
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_repeats_it_headless(tmp_path: Path) -> None:
    source = tmp_path / "my stack.tif"
    source.touch()
    volume = Volume(np.zeros((3, 4, 5), np.uint8), (50.0, 4.0, 4.25), "s", str(source))
    words = shlex.split(command_line(tmp_path / "run", volume))
    assert words[:4] == ["em-autoclass", "predict", str(tmp_path / "run"), str(source)]
    assert words[words.index("--voxel-size") + 1 :][:3] == ["50", "4", "4.25"]
