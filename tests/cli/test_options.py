from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_em_autoclass.cli.options import StackRequest, level_fit
from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.errors import InputError, MissingVoxelSize
from napari_em_autoclass.core.normalise import fit_normalisation
from napari_em_autoclass.core.phantom import Phantom
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.volume import Box, Volume
from napari_em_autoclass.io.request import LevelFit


def test_a_stack_is_opened_with_the_voxel_size_of_its_file(stack: Path, small_phantom: Phantom) -> None:
    volume = StackRequest(str(stack)).open()
    assert volume.voxel_size_nm == small_phantom.voxel_size_nm
    np.testing.assert_array_equal(volume.read(Box.whole(volume.shape_zyx)), small_phantom.raw)


def test_the_voxel_size_of_the_user_stands_above_the_files(stack: Path) -> None:
    assert StackRequest(str(stack), (30.0, 5.0, 6.0)).open().voxel_size_nm == (30.0, 5.0, 6.0)


def test_only_the_region_is_taken(stack: Path, small_phantom: Phantom) -> None:
    volume = StackRequest(str(stack), roi="1:4,10:50,:60").open()
    np.testing.assert_array_equal(volume.read(Box.whole((3, 40, 60))), small_phantom.raw[1:4, 10:50, :60])


def test_a_stack_without_voxel_size_asks_for_the_option(tmp_path: Path) -> None:
    np.save(tmp_path / "stack.npy", np.zeros((4, 8, 8), np.uint8))
    with pytest.raises(MissingVoxelSize, match="--voxel-size Z Y X"):
        StackRequest(str(tmp_path / "stack.npy")).open()


def test_a_region_outside_the_stack_is_refused(stack: Path) -> None:
    with pytest.raises(InputError, match="outside the stack"):
        StackRequest(str(stack), roi="0:99,:,:").open()


@pytest.fixture
def pyramid(tmp_path: Path) -> Path:
    """Give an OME-Zarr image of 4 nm pixels with a level of 8 nm."""
    group = zarr.open_group(tmp_path / "p.zarr", mode="w")
    axes = [{"name": letter, "type": "space", "unit": "nanometer"} for letter in "zyx"]
    data = np.random.default_rng(0).integers(0, 256, (5, 40, 60), dtype=np.uint8)
    datasets = []
    for name, step in (("0", 1), ("1", 2)):
        group.create_array(name, data=data[:, ::step, ::step])
        scale = [{"type": "scale", "scale": [40, 4 * step, 4 * step]}]
        datasets.append({"path": name, "coordinateTransformations": scale})
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    return tmp_path / "p.zarr"


def test_the_level_that_fits_is_read_and_said(pyramid: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert StackRequest(str(pyramid), fit=LevelFit(8)).open().voxel_size_nm == (40, 8, 8)
    said = capsys.readouterr().err
    assert "p: reads the level of 40 x 8 x 8 nm" in said
    assert "--level 0" in said
    assert StackRequest(str(pyramid), fit=LevelFit(4)).open().voxel_size_nm == (40, 4, 4)
    assert StackRequest(str(pyramid)).open().voxel_size_nm == (40, 4, 4)
    assert capsys.readouterr().err == ""


def test_a_level_or_a_region_of_the_user_stands_above_what_fits(pyramid: Path) -> None:
    assert StackRequest(str(pyramid), level=0, fit=LevelFit(8)).open().voxel_size_nm == (40, 4, 4)
    cut = StackRequest(str(pyramid), roi="0:5,0:40,0:60", fit=LevelFit(8)).open()
    assert cut.shape_zyx == (5, 40, 60)


def test_a_run_asks_for_the_level_it_was_trained_on(pyramid: Path, fast_settings: RunSettings, tmp_path: Path) -> None:
    for level, size in ((0, (40, 4, 4)), (1, (40, 8, 8))):
        volume: Volume = StackRequest(str(pyramid), level=level).open()
        folder = RunFolder.create(tmp_path / str(level), fast_settings, volume, fit_normalisation(volume))
        assert StackRequest(str(pyramid), fit=level_fit(folder)).open().voxel_size_nm == size
        folder.release_lock()
