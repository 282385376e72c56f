from __future__ import annotations

import builtins
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import zarr
from fsspec.registry import _registry
from http_store import FolderServer

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Box, Volume
from napari_em_autoclass.io import list_stacks, open_volume, remote
from napari_em_autoclass.io.remote import RemotePath, is_url, place_of
from napari_em_autoclass.io.remote_errors import Patience

SHAPE = (6, 40, 50)
DATA = np.random.default_rng(0).integers(1, 256, SHAPE, dtype=np.uint8)
SIZE_NM = (40.0, 8.0, 8.0)


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PATIENCE", Patience(tries=4, wait_s=0.001, timeout_s=5))


def write(target: Any, shards: tuple[int, int, int] | None = None) -> None:
    """Write an OME-Zarr image of one level, and a plain array beside it."""
    group = zarr.open_group(target, mode="w")
    axes = [{"name": letter, "type": "space", "unit": "nanometer"} for letter in "zyx"]
    scale = [{"type": "scale", "scale": list(SIZE_NM)}]
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}],
    }
    array = group.create_array("0", shape=SHAPE, chunks=(3, 20, 25), shards=shards, dtype="uint8", compressors=None)
    array[:] = DATA


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "a.zarr")
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[FolderServer]:
    with FolderServer(folder) as serving:
        yield serving


def assert_same(volume: Volume) -> None:
    assert volume.voxel_size_nm == SIZE_NM
    np.testing.assert_array_equal(volume.read(Box.whole(SHAPE)), DATA)


def test_an_image_is_read_over_http(server: FolderServer) -> None:
    volume = open_volume(f"{server.url}/a.zarr/")
    assert (volume.name, volume.source) == ("a", f"{server.url}/a.zarr")
    assert_same(volume)
    assert_same(open_volume(f"{server.url}/a.zarr/0"))  # its size is found in the image above
    assert_same(open_volume(f"{server.url}/a.zarr", dataset="0"))


def test_opening_fetches_no_chunk(server: FolderServer) -> None:
    volume = open_volume(f"{server.url}/a.zarr")
    assert not any("/c/" in path for path in server.asked)
    volume.read(Box(0, 3, 0, 20, 0, 25))
    assert [path for path in server.asked if "/c/" in path] == ["/a.zarr/0/c/0/0/0"]


def test_parts_of_a_shard_are_fetched_alone(tmp_path: Path) -> None:
    write(tmp_path / "b.zarr", shards=(6, 40, 50))
    with FolderServer(tmp_path) as server:
        assert_same(open_volume(f"{server.url}/b.zarr"))
        server.gives_parts = False
        volume = open_volume(f"{server.url}/b.zarr")
        with pytest.raises(InputError):  # never the wrong voxels
            volume.read(Box(0, 3, 0, 20, 0, 25))


def test_a_chunk_that_was_never_written_is_empty(server: FolderServer, folder: Path) -> None:
    (folder / "a.zarr/0/c/0/0/0").unlink()
    volume = open_volume(f"{server.url}/a.zarr")
    assert not volume.read(Box(0, 3, 0, 20, 0, 25)).any()


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_that_fails_every_third_request_is_asked_again(server: FolderServer, status: int) -> None:
    server.fault = lambda n, path: status if n % 3 == 0 else None
    volume = open_volume(f"{server.url}/a.zarr")
    for _ in range(5):
        assert_same(volume)


def test_a_slow_server_is_asked_again(server: FolderServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PATIENCE", Patience(tries=4, wait_s=0.001, timeout_s=0.3))
    late = itertools.cycle([None, None, 1.0])
    server.fault = lambda n, path: next(late) if "/c/" in path else None
    assert_same(open_volume(f"{server.url}/a.zarr"))


def test_a_server_that_never_answers_is_given_up(server: FolderServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PATIENCE", Patience(tries=2, wait_s=0.001, timeout_s=0.1))
    volume = open_volume(f"{server.url}/a.zarr")
    server.fault = lambda n, path: 1.0
    with pytest.raises(InputError, match=r"sections 0 to 5.*no answer within 0.1 s, 2 times"):
        volume.read(Box.whole(SHAPE))


@pytest.mark.parametrize(
    ("status", "complaint"),
    [(403, r"access is refused \(403\).*FSSPEC_S3_ANON"), (500, "error 500, 4 times"), (404, "no Zarr array or group")],
)
def test_what_is_wrong_is_said_in_one_line(server: FolderServer, status: int, complaint: str) -> None:
    server.fault = lambda n, path: status
    with pytest.raises(InputError, match=complaint) as caught:
        open_volume(f"{server.url}/a.zarr")
    assert "\n" not in str(caught.value)
    assert server.url in str(caught.value)


def test_what_is_final_is_not_tried_again(server: FolderServer) -> None:
    server.fault = lambda n, path: 403
    with pytest.raises(InputError):
        open_volume(f"{server.url}/a.zarr")
    assert len(server.asked) == 1


def test_nobody_there_is_said() -> None:
    with FolderServer(Path()) as server:
        url = server.url
    with pytest.raises(InputError, match="no connection"):
        open_volume(f"{url}/a.zarr")


def test_other_formats_are_to_be_downloaded(server: FolderServer) -> None:
    with pytest.raises(InputError, match=r"only Zarr.*download"):
        open_volume(f"{server.url}/a.ome.tif")


def test_a_store_in_memory_is_read() -> None:
    write("memory://test-remote/a.zarr")
    try:
        assert_same(open_volume("memory://test-remote/a.zarr"))
        assert list_stacks("memory://test-remote/a.zarr") == {"0": SHAPE}
    finally:
        fsspec.filesystem("memory").rm("/test-remote", recursive=True)


def test_an_address_of_a_file_is_a_path(folder: Path) -> None:
    assert_same(open_volume(f"file://{folder}/a.zarr"))
    assert list_stacks(f"file://{folder}/a.zarr") == {"0": SHAPE}


@pytest.mark.parametrize(
    ("url", "package"), [("s3://bucket/a.zarr", "s3fs"), ("gs://bucket/a.zarr", "gcsfs"), ("https://host/a", "aiohttp")]
)
def test_a_missing_package_is_named(url: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == package:
            raise ImportError(f"no {name}", name=name)
        return real(name, *args, **kwargs)

    for name in [name for name in sys.modules if name in (package, "fsspec.implementations.http")]:
        monkeypatch.delitem(sys.modules, name)
    for protocol in ("s3", "gs", "http", "https"):
        monkeypatch.delitem(_registry, protocol, raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=rf"install {package}.*napari-em-autoclass\[remote\]"):
        open_volume(url)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://b/x", True),
        ("GS://b/x", True),
        ("https://h/x", True),
        ("/data/x", False),
        ("C:/x", False),
        ("x.zarr", False),
    ],
)
def test_addresses_are_told_from_paths(text: str, expected: bool) -> None:
    assert is_url(text) is expected


def test_an_address_is_taken_apart_like_a_path() -> None:
    at = place_of("s3://bucket/some/a.ome.zarr/")
    assert isinstance(at, RemotePath)
    assert (str(at), at.name, at.suffix) == ("s3://bucket/some/a.ome.zarr", "a.ome.zarr", ".zarr")
    assert str(at / "0" / "") == "s3://bucket/some/a.ome.zarr/0"
    assert [str(above) for above in (at / "0").parents] == [
        "s3://bucket/some/a.ome.zarr", "s3://bucket/some", "s3://bucket",
    ]  # fmt: skip


def test_a_group_without_a_pyramid_is_looked_through_where_that_is_possible(server: FolderServer) -> None:
    group = zarr.open_group("memory://test-remote/g.zarr", mode="w")
    group.create_array("volumes/raw", data=DATA).attrs["resolution"] = SIZE_NM
    assert_same(open_volume("memory://test-remote/g.zarr"))
    with pytest.raises(InputError, match="no Zarr array or group"):
        open_volume("memory://test-remote/other.zarr")
