from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Box, Volume
from napari_em_autoclass.io import open_volume
from napari_em_autoclass.io.reference import by_path, by_value

SIZE = (50.0, 4.0, 4.0)


@pytest.fixture
def file(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = tmp_path / "stack.npy"
    np.save(path, rng.integers(0, 255, (4, 20, 30), dtype=np.uint8))
    return path


def test_a_stack_in_a_file_is_opened_there_by_its_path(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = open_volume(file, voxel_size_nm=SIZE)
    monkeypatch.chdir(file.parent)
    relative = open_volume("stack.npy", voxel_size_nm=SIZE)
    for one in (volume, relative):
        found = by_path(one)
        assert found is not None
        monkeypatch.chdir("/")  # the worker is started elsewhere
        again = pickle.loads(pickle.dumps(found))()
        monkeypatch.chdir(file.parent)
        whole = Box.whole(volume.shape_zyx)
        assert np.array_equal(again.read(whole), volume.read(whole))
        assert again.voxel_size_nm == SIZE


def test_a_part_of_a_stack_is_that_part_there(file: Path) -> None:
    box = Box(1, 3, 0, 10, 5, 20)
    volume = open_volume(file, voxel_size_nm=SIZE).crop(box)
    assert by_path(volume) is None  # the file holds more
    found = by_path(volume, box=box)
    assert found is not None
    assert np.array_equal(found().section(0), volume.section(0))


def test_a_layer_that_is_in_no_file_has_no_path(file: Path) -> None:
    data = np.zeros((4, 20, 30), np.uint8)
    for source in ("", "napari layer stack", str(file.parent / "gone.tif")):
        assert by_path(Volume(data, SIZE, "stack", source)) is None


def test_a_small_stack_is_sent_whole(file: Path) -> None:
    volume = open_volume(file, voxel_size_nm=SIZE)
    sent = pickle.loads(pickle.dumps(by_value(volume)))()
    assert (sent.name, sent.source, sent.voxel_size_nm) == (volume.name, volume.source, SIZE)
    assert np.array_equal(sent.section(2), volume.section(2))


def test_a_large_stack_is_refused_before_it_is_read(file: Path) -> None:
    volume = open_volume(file, voxel_size_nm=SIZE)
    assert by_value(volume, most_bytes=4 * 20 * 30).voxels.nbytes == 2400
    with pytest.raises(InputError, match="too large to be sent"):
        by_value(volume, most_bytes=4 * 20 * 30 - 1)
