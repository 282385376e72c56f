from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign import halved, write_n5
from http_store import FolderServer

from napari_em_autoclass.core.chunk_grid import ChunkGrid, chunk_grid
from napari_em_autoclass.core.errors import InputError, MissingVoxelSize
from napari_em_autoclass.core.volume import Box, fingerprint
from napari_em_autoclass.io import list_stacks, open_volume
from napari_em_autoclass.io.readers import LevelFit

SHAPE = (5, 23, 31)
DATA = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)
SIZE_NM = (30.0, 8.0, 8.0)
WHOLE = Box.whole(SHAPE)


def resolution(size_nm: tuple[float, float, float] = SIZE_NM) -> dict[str, Any]:
    return {"pixelResolution": {"dimensions": list(reversed(size_nm)), "unit": "nm"}}


def container(at: Path) -> Path:
    """Write levels as OpenOrganelle has them, and labels beside them."""
    write_n5(at / "em" / "fibsem" / "s0", DATA, resolution())
    write_n5(at / "em" / "fibsem" / "s1", halved(DATA), resolution((30, 16, 16)))
    (at / "em" / "fibsem" / "attributes.json").write_text("{}")
    write_n5(at / "labels" / "mito", DATA.astype(np.uint16), resolution())
    return at


@pytest.mark.parametrize("compression", ["raw", "gzip", "bzip2", "xz", "blosc", "zstd"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_what_is_written_is_read_with_its_axes_and_voxel_size(compression: str, dtype: str, tmp_path: Path) -> None:
    packed: dict[str, Any] = {"type": compression}
    if compression == "blosc":
        packed |= {"cname": "lz4", "clevel": 5, "shuffle": 1}
    data = DATA.astype(dtype)
    volume = open_volume(write_n5(tmp_path / "em", data, resolution(), compression=packed))
    assert (volume.shape_zyx, volume.voxel_size_nm, volume.dtype) == (SHAPE, SIZE_NM, dtype)
    np.testing.assert_array_equal(volume.read(WHOLE), data)
    np.testing.assert_array_equal(volume.read(Box(1, 4, 3, 22, 11, 30)), data[1:4, 3:22, 11:30])
    assert chunk_grid(volume.data) == ChunkGrid((2, 10, 12))


def test_a_group_of_levels_is_a_pyramid(tmp_path: Path) -> None:
    at = container(tmp_path / "cell.n5") / "em" / "fibsem"
    assert (open_volume(at).name, open_volume(at).voxel_size_nm) == ("fibsem", SIZE_NM)
    coarse = open_volume(at, fit=LevelFit(20.0))
    assert coarse.voxel_size_nm == (30, 16, 16)
    np.testing.assert_array_equal(coarse.read(Box.whole(coarse.shape_zyx)), halved(DATA))
    assert coarse.source == str(at / "s1")
    assert fingerprint(open_volume(coarse.source)) == fingerprint(coarse)
    with pytest.raises(InputError, match="levels 0 to 1 and no level 2"):
        open_volume(at, level=2)


def test_the_levels_may_be_listed(tmp_path: Path) -> None:
    write_n5(tmp_path / "a.n5" / "fine", DATA, resolution())
    write_n5(tmp_path / "a.n5" / "coarse", halved(DATA), resolution((30, 16, 16)))
    listed = {"multiscales": [{"datasets": [{"path": "fine"}, {"path": "coarse"}]}]}
    (tmp_path / "a.n5" / "attributes.json").write_text(json.dumps(listed))
    assert open_volume(tmp_path / "a.n5", level=1).voxel_size_nm == (30, 16, 16)


def test_a_level_alone_takes_its_voxel_size_from_the_group(tmp_path: Path) -> None:
    write_n5(tmp_path / "a.n5" / "s1", halved(DATA), {"downsamplingFactors": [2, 2, 1]})
    (tmp_path / "a.n5" / "attributes.json").write_text(json.dumps({"resolution": [8, 8, 30]}))
    assert open_volume(tmp_path / "a.n5" / "s1").voxel_size_nm == (30, 16, 16)
    (tmp_path / "a.n5" / "attributes.json").write_text("damaged")
    with pytest.raises(MissingVoxelSize):
        open_volume(tmp_path / "a.n5" / "s1")


def test_a_container_is_searched(tmp_path: Path) -> None:
    at = container(tmp_path / "cell.n5")
    assert list_stacks(at) == {"em/fibsem": (), "labels/mito": SHAPE}
    with pytest.raises(InputError, match=r"em/fibsem levels, labels/mito \(5, 23, 31\); choose one with dataset"):
        open_volume(at)
    assert open_volume(at, dataset="em/fibsem").shape_zyx == SHAPE
    assert open_volume(at, dataset="/labels/mito").dtype == np.uint16
    write_n5(tmp_path / "b.n5" / "only" / "one", DATA, resolution())
    assert open_volume(tmp_path / "b.n5").source.endswith("one")
    (tmp_path / "c.n5").mkdir()
    with pytest.raises(InputError, match="holds no stack"):
        open_volume(tmp_path / "c.n5")
    with pytest.raises(InputError, match="no N5 dataset"):
        open_volume(at, dataset="nothing")


def test_axes_are_named_in_the_order_of_n5(tmp_path: Path) -> None:
    four = np.stack([DATA, DATA // 2])
    at = write_n5(tmp_path / "a.n5", four, {"axes": ["x", "y", "z", "c"], "pixelResolution": [8, 8, 30]})
    with pytest.raises(InputError, match=r"axis C has 2 entries"):
        open_volume(at)
    np.testing.assert_array_equal(open_volume(at, axes="C[1]ZYX").read(WHOLE), DATA // 2)


def test_it_is_read_over_http(tmp_path: Path) -> None:
    container(tmp_path / "cell.n5")
    with FolderServer(tmp_path) as server:
        volume = open_volume(f"{server.url}/cell.n5/em/fibsem")
        assert not any("/s0/0" in path for path in server.asked)
        np.testing.assert_array_equal(volume.read(WHOLE), DATA)
        assert open_volume(f"n5://{server.url}/cell.n5", dataset="labels/mito").dtype == np.uint16
        with pytest.raises(InputError, match="no N5 dataset"):
            open_volume(f"{server.url}/cell.n5")


@pytest.mark.parametrize("path", ["../other", "/etc", "a:b"])
def test_a_level_outside_of_the_container_is_refused(path: str, tmp_path: Path) -> None:
    write_n5(tmp_path / "other", DATA, resolution())
    (tmp_path / "a.n5").mkdir()
    listed = {"multiscales": [{"datasets": [{"path": path}]}]}
    (tmp_path / "a.n5" / "attributes.json").write_text(json.dumps(listed))
    with pytest.raises(InputError, match="not inside of it"):
        open_volume(tmp_path / "a.n5")


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"dimensions": 3, "dataType": 4}', '{"dimensions": [9, 9, 9], "dataType": "uint8"}']
)
def test_damaged_attributes_give_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.n5").mkdir()
    (tmp_path / "a.n5" / "attributes.json").write_text(text)
    with pytest.raises(InputError, match="a") as caught:
        open_volume(tmp_path / "a.n5")
    assert "\n" not in str(caught.value)
