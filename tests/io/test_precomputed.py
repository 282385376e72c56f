from __future__ import annotations

import gzip
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign import SHARDING, halved, write_precomputed
from http_store import FolderServer

from napari_em_autoclass.core.chunk_grid import ChunkGrid, chunk_grid
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Box, fingerprint
from napari_em_autoclass.io import list_stacks, open_volume, remote
from napari_em_autoclass.io.readers import LevelFit
from napari_em_autoclass.io.remote_errors import Patience

SHAPE = (5, 23, 31)
DATA = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)
SIZE_NM = (30.0, 8.0, 8.0)
WHOLE = Box.whole(SHAPE)


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PATIENCE", Patience(tries=4, wait_s=0.001, timeout_s=5))


def pyramid(at: Path, **scale: Any) -> Path:
    coarse = halved(DATA)
    return write_precomputed(at, [DATA, coarse, halved(coarse)], [SIZE_NM, (30, 16, 16), (30, 32, 32)], **scale)


@pytest.mark.parametrize(
    "scale",
    [
        {"encoding": "raw"},
        {"encoding": "png"},
        {"encoding": "raw", "sharding": SHARDING},
        {"encoding": "png", "sharding": {**SHARDING, "hash": "identity", "minishard_index_encoding": "raw"}},
    ],
    ids=["raw", "png", "sharded", "sharded by identity"],
)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_what_is_written_is_read_with_its_axes_and_voxel_size(scale: Any, dtype: str, tmp_path: Path) -> None:
    data = DATA.astype(dtype) * (1 if dtype == "uint8" else 257)
    volume = open_volume(write_precomputed(tmp_path / "em", [data], **scale))
    assert (volume.shape_zyx, volume.voxel_size_nm, volume.name) == (SHAPE, SIZE_NM, "em")
    assert volume.dtype == dtype
    np.testing.assert_array_equal(volume.read(WHOLE), data)
    np.testing.assert_array_equal(volume.read(Box(1, 4, 3, 22, 11, 30)), data[1:4, 3:22, 11:30])


def test_jpeg_is_read_as_far_as_jpeg_is_true(tmp_path: Path) -> None:
    ramp = np.add.outer(np.arange(5) * 20, np.add.outer(np.arange(23) * 3, np.arange(31) * 2)).astype(np.uint8)
    volume = open_volume(write_precomputed(tmp_path / "em", [ramp], encoding="jpeg", jpeg_quality=95))
    assert np.abs(volume.read(WHOLE).astype(int) - ramp).max() <= 6


def test_labels_of_a_compressed_segmentation_are_read(tmp_path: Path) -> None:
    labels = (DATA % 7).astype(np.uint64) << np.uint64(40)
    block = {"compressed_segmentation_block_size": [8, 8, 8], "encoding": "compressed_segmentation"}
    volume = open_volume(write_precomputed(tmp_path / "seg", [labels], kind="segmentation", **block))
    np.testing.assert_array_equal(volume.read(WHOLE), labels)


def test_it_is_cut_along_its_chunks_and_reads_only_those_asked_for(tmp_path: Path) -> None:
    volume = open_volume(write_precomputed(tmp_path / "em", [DATA]))
    assert chunk_grid(volume.data) == ChunkGrid((2, 10, 12))
    for chunk in (tmp_path / "em" / "8_8_30").glob("*_7-9"):  # the first two sections
        chunk.write_bytes(b"damaged")
    np.testing.assert_array_equal(volume.read(Box(2, 5, 0, 23, 0, 31)), DATA[2:])
    with pytest.raises(InputError, match="em: can't read sections 0 to 1"):
        volume.read(Box(0, 2, 0, 9, 0, 9))


def test_the_level_is_that_which_fits(tmp_path: Path) -> None:
    at = pyramid(tmp_path / "em")
    assert open_volume(at).voxel_size_nm == SIZE_NM
    assert open_volume(at, fit=LevelFit(16.0)).voxel_size_nm == (30, 16, 16)
    assert open_volume(at, fit=LevelFit(20.0)).voxel_size_nm == (30, 16, 16)
    assert open_volume(at, fit=LevelFit(8.0, ((30.0, 32.0, 32.0),))).voxel_size_nm == (30, 32, 32)
    second = open_volume(at, level=2)
    np.testing.assert_array_equal(second.read(Box.whole(second.shape_zyx)), DATA[:, ::4, ::4])
    with pytest.raises(InputError, match="levels 0 to 2 and no level 3"):
        open_volume(at, level=3)


def test_where_a_level_came_from_opens_that_level_again(tmp_path: Path) -> None:
    coarse = open_volume(pyramid(tmp_path / "em"), level=1)
    assert coarse.source == str(tmp_path / "em" / "16_16_30")
    again = open_volume(coarse.source)
    assert fingerprint(again) == fingerprint(coarse)
    with pytest.raises(InputError, match="no level 2"):
        open_volume(coarse.source, level=2)


def test_the_format_may_stand_before_the_path(tmp_path: Path) -> None:
    at = pyramid(tmp_path / "em")
    assert open_volume(f"precomputed://{at}").source == str(at)
    assert open_volume(f"precomputed://file://{at}").source == str(at)
    assert list_stacks(at) == {}


def test_it_is_read_over_http_only_what_is_asked_for(tmp_path: Path) -> None:
    pyramid(tmp_path / "em")
    with FolderServer(tmp_path) as server:
        volume = open_volume(f"{server.url}/em/")
        assert not any("8_8_30/" in path for path in server.asked)
        np.testing.assert_array_equal(volume.read(Box(0, 2, 0, 10, 0, 12)), DATA[:2, :10, :12])
        assert [path for path in server.asked if "8_8_30/" in path] == ["/em/8_8_30/5-17_6-16_7-9"]
        np.testing.assert_array_equal(volume.read(WHOLE), DATA)
        assert open_volume(f"precomputed://{server.url}/em", level=1).source == f"{server.url}/em/16_16_30"
        assert open_volume(f"precomputed://{server.url}/em/16_16_30").voxel_size_nm == (30, 16, 16)


def test_shards_are_read_over_http_in_parts(tmp_path: Path) -> None:
    write_precomputed(tmp_path / "em", [DATA], sharding=SHARDING)
    with FolderServer(tmp_path) as server:
        np.testing.assert_array_equal(open_volume(f"{server.url}/em").read(WHOLE), DATA)
        server.gives_parts = False
        with pytest.raises(InputError, match="can't read sections"):
            open_volume(f"{server.url}/em").read(WHOLE)


def test_a_failing_network_is_tried_again_and_a_dead_one_told(tmp_path: Path) -> None:
    write_precomputed(tmp_path / "em", [DATA])
    failed: set[str] = set()

    def once(_: int, path: str) -> int | None:
        first = path not in failed
        failed.add(path)
        return 503 if first else None

    with FolderServer(tmp_path, once) as server:
        np.testing.assert_array_equal(open_volume(f"{server.url}/em").read(WHOLE), DATA)
    with FolderServer(tmp_path) as server:
        volume = open_volume(f"{server.url}/em")
        server.fault = lambda n, path: 503
        with pytest.raises(InputError, match=r"can't read sections 0 to 1 .*Service Unavailable"):
            volume.read(Box(0, 2, 0, 10, 0, 12))
        with pytest.raises(InputError, match="error 503, 4 times"):
            open_volume(f"precomputed://{server.url}/em")


def test_chunks_that_a_server_would_unpack_are_refused_in_a_folder(tmp_path: Path) -> None:
    at = write_precomputed(tmp_path / "em", [DATA])
    for chunk in (at / "8_8_30").iterdir():
        chunk.with_name(f"{chunk.name}.gz").write_bytes(gzip.compress(chunk.read_bytes()))
        chunk.unlink()
    with pytest.raises(InputError, match=r"packed in files \.gz.*gunzip -r"):
        open_volume(at)


def test_many_threads_read_the_same(tmp_path: Path) -> None:
    volume = open_volume(write_precomputed(tmp_path / "em", [DATA], sharding=SHARDING))
    boxes = [Box(z, z + 2, y, y + 9, x, x + 9) for z in range(4) for y in range(0, 14, 3) for x in range(0, 22, 3)]
    with ThreadPoolExecutor(8) as pool:
        blocks = list(pool.map(volume.read, boxes))
    for box, block in zip(boxes, blocks, strict=True):
        np.testing.assert_array_equal(block, DATA[box.slices])


def test_it_goes_to_another_process(tmp_path: Path) -> None:
    volume = pickle.loads(pickle.dumps(open_volume(write_precomputed(tmp_path / "em", [DATA]))))
    np.testing.assert_array_equal(volume.read(WHOLE), DATA)


def test_a_channel_is_chosen(tmp_path: Path) -> None:
    at = write_precomputed(tmp_path / "em", [DATA])
    info = json.loads((at / "info").read_text())
    (at / "info").write_text(json.dumps({**info, "num_channels": 2}))
    with pytest.raises(InputError, match=r"axis C has 2 entries.*C\[0\]ZYX"):
        open_volume(at)
    assert open_volume(at, axes="C[1]ZYX").shape_zyx == SHAPE


@pytest.mark.parametrize("key", ["../other", "/etc", "8_8_30/../../other", "a:b", "a?b", "a%2e"])
def test_a_level_outside_of_the_volume_is_refused(key: str, tmp_path: Path) -> None:
    write_precomputed(tmp_path / "other", [DATA])
    at = write_precomputed(tmp_path / "em", [DATA])
    info = json.loads((at / "info").read_text())
    info["scales"][0]["key"] = key
    (at / "info").write_text(json.dumps(info))
    with pytest.raises(InputError, match="not inside of it"):
        open_volume(at)


def test_a_level_that_is_a_link_out_of_the_volume_is_refused(tmp_path: Path) -> None:
    other = write_precomputed(tmp_path / "other", [DATA])
    at = write_precomputed(tmp_path / "em", [DATA])
    (at / "8_8_30").rename(tmp_path / "gone")
    (at / "8_8_30").symlink_to(other / "8_8_30")
    with pytest.raises(InputError, match="not inside of it"):
        open_volume(at)


def test_chunks_too_large_to_be_held_are_refused(tmp_path: Path) -> None:
    at = write_precomputed(tmp_path / "em", [DATA])
    info = json.loads((at / "info").read_text())
    info["scales"][0] |= {"size": [20000, 20000, 20], "chunk_sizes": [[20000, 20000, 20]]}
    (at / "info").write_text(json.dumps(info))
    with pytest.raises(InputError, match=r"pieces of 7\.5 GiB"):
        open_volume(at)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[1, 2]",
        "{}",
        '{"scales": []}',
        '{"scales": [3]}',
        '{"scales": [{"key": 3, "resolution": [1, 2, 3]}]}',
        '{"scales": [{"key": "a", "resolution": [1, 2]}]}',
        '{"scales": [{"key": "a", "resolution": [1, 2, 3]}]}',
        '{"a":' * 100 + "1" + "}" * 100,
    ],
)
def test_a_damaged_info_gives_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "em" / "a").mkdir(parents=True)
    (tmp_path / "em" / "info").write_text(text)
    with pytest.raises(InputError) as caught:
        open_volume(f"precomputed://{tmp_path / 'em'}")
    assert "\n" not in str(caught.value)
    assert "em" in str(caught.value)


def test_a_folder_with_a_note_called_info_is_no_volume(tmp_path: Path) -> None:
    (tmp_path / "info").write_text("taken on Monday")
    with pytest.raises(InputError, match="holds no section images"):
        open_volume(tmp_path)


def test_without_the_library_the_user_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = write_precomputed(tmp_path / "em", [DATA])
    monkeypatch.setitem(__import__("sys").modules, "tensorstore", None)
    with pytest.raises(InputError, match=r"pip install 'napari-em-autoclass\[neuroglancer\]'"):
        open_volume(at)
