from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_em_autoclass.cli.options import StackRequest
from napari_em_autoclass.core.errors import InputError, MissingVoxelSize
from napari_em_autoclass.core.phantom import Phantom
from napari_em_autoclass.core.volume import Box


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
