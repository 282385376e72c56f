from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
import tifffile
import zarr
from runs import curves, played
from tiny_run import tiny_settings, write_stack

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.phantom import Phantom
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Box, Volume
from napari_em_autoclass.io import ClassMapTarget, open_volume, start_from_labels, write_class_map_zarr


def as_tiff(labels: np.ndarray, folder: Path) -> Path:
    tifffile.imwrite(folder / "labels.tif", labels, photometric="minisblack")
    return folder / "labels.tif"


def as_npy(labels: np.ndarray, folder: Path) -> Path:
    np.save(folder / "labels.npy", labels)
    return folder / "labels.npy"


def as_zarr(labels: np.ndarray, folder: Path) -> Path:
    zarr.create_array(folder / "labels.zarr", data=labels, chunks=(2, 32, 32))
    return folder / "labels.zarr"


def as_mrc(labels: np.ndarray, folder: Path) -> Path:
    with mrcfile.new(folder / "labels.mrc") as file:
        file.set_data(labels.astype(np.uint16))
    return folder / "labels.mrc"


@pytest.fixture
def settings() -> RunSettings:
    return tiny_settings("n_classes=8", "tiles.size_px=48", "tiles.region_px=64")


@pytest.fixture
def volume(phantom: Phantom, tmp_path: Path) -> Volume:
    return open_volume(write_stack(phantom, tmp_path / "stack.ome.tif"), voxel_size_nm=(50.0, 8.0, 8.0))


@pytest.mark.parametrize("written", [as_tiff, as_npy, as_zarr, as_mrc])
def test_labels_in_any_format_are_the_same_start(
    written: Callable[[np.ndarray, Path], Path],
    phantom: Phantom,
    volume: Volume,
    settings: RunSettings,
    tmp_path: Path,
) -> None:
    at = written(phantom.labels, tmp_path)
    start = start_from_labels(at, volume, settings).start
    assert start is not None
    assert start.labels == tuple(int(value) for value in np.unique(phantom.labels) if value)
    assert (start.names, start.source) == ((), str(at))
    again = start_from_labels(as_tiff(phantom.labels, tmp_path), volume, settings).start
    assert again is not None
    assert again.responses == start.responses


def test_names_come_from_a_class_map_of_ours(
    phantom: Phantom, volume: Volume, settings: RunSettings, tmp_path: Path
) -> None:
    named = {1: "membrane", 3: "mitochondria", 4: "class 4"}
    target = ClassMapTarget(volume.shape_zyx, volume.voxel_size_nm, 8, named)
    blocks = [(Box.whole(volume.shape_zyx), np.where(phantom.labels == 2, 4, phantom.labels).astype(np.uint8))]
    write_class_map_zarr(tmp_path / "ours.ome.zarr", blocks, target)
    started = start_from_labels(tmp_path / "ours.ome.zarr", volume, settings)
    assert started.start is not None
    assert started.start.labels[:3] == (1, 3, 4)
    # A name such as "class 4" would be wrong of class 3.
    assert started.first_names[:3] == ("membrane", "mitochondria", "")
    run = tmp_path / "run"
    played(Trainer(volume, started, run_dir=run))
    kept = RunFolder.open(run).history.present
    assert [kept.name_of(i) for i in (1, 2, 3)] == ["membrane", "mitochondria", "class 3"]


@pytest.mark.slow
def test_a_run_keeps_its_start_and_resumes_to_the_last_bit(
    phantom: Phantom, volume: Volume, settings: RunSettings, tmp_path: Path
) -> None:
    labels = as_tiff(phantom.labels, tmp_path)
    started = start_from_labels(labels, volume, settings.replace(training=settings.training.replace(steps=6)))
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    played(Trainer(volume, started, run_dir=whole))
    trainer = Trainer(volume, started, run_dir=halved)
    for event in trainer.events():
        if getattr(event, "step", 0) >= 3:
            trainer.stop()
    labels.unlink()  # nobody asks for it again
    kept = RunFolder.open(halved)
    assert kept.settings == started
    assert 3 <= kept.load_weights()[1].step < 6
    played(Trainer(volume, kept.settings, run_dir=halved, resume=True))
    assert curves(halved) == curves(whole)
    one, other = (RunFolder.open(run).load_weights()[0] for run in (whole, halved))
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name].numpy(), other[name].numpy()) for name in one)
    plain = tmp_path / "plain"
    played(Trainer(volume, started.replace(start=None), run_dir=plain))
    assert curves(plain) != curves(whole)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (np.ones((5, 64, 64), np.float32), "labels.tif: holds float32 values; a class map has integers"),
        (np.ones((4, 64, 64), np.uint8), r"labels.tif: has the shape \(4, 64, 64\), the stack \(5, 64, 64\)"),
        (np.zeros((5, 64, 64), np.uint8), "labels.tif: has no labels"),
        (np.arange(5 * 64 * 64, dtype=np.uint32).reshape(5, 64, 64), "but the run only 8 classes"),
    ],
)
def test_an_image_that_holds_no_labels_of_the_stack_is_refused(
    labels: Any, says: str, volume: Volume, settings: RunSettings, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=says):
        start_from_labels(as_tiff(labels, tmp_path), volume, settings)


def test_an_image_that_is_not_there_is_said(volume: Volume, settings: RunSettings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        start_from_labels(tmp_path / "labels.tif", volume, settings)
