from __future__ import annotations

import dask.array
import h5py
import numpy as np
import pytest
import zarr

from napari_em_autoclass.core.chunk_grid import ChunkGrid, chunk_grid, chunk_sizes
from napari_em_autoclass.core.volume import Box, Volume
from napari_em_autoclass.io.axes import as_zyx, parse_axes
from napari_em_autoclass.io.lazy import SectionStack

SHAPE = (10, 20, 30)


def test_zarr_hdf5_and_dask_tell_their_chunks(tmp_path) -> None:
    plain = zarr.create_array(tmp_path / "a.zarr", shape=SHAPE, chunks=(4, 5, 6), dtype="uint8")
    sharded = zarr.create_array(tmp_path / "b.zarr", shape=SHAPE, chunks=(4, 5, 6), shards=(8, 10, 12), dtype="uint8")
    with h5py.File(tmp_path / "c.h5", "w") as file:
        chunked = file.create_dataset("a", SHAPE, "uint8", chunks=(4, 5, 6))
        assert chunk_grid(chunked) == ChunkGrid((4, 5, 6))
        assert chunk_grid(file.create_dataset("b", SHAPE, "uint8")) is None  # in one piece
    for array in (plain, sharded, dask.array.zeros(SHAPE, chunks=(4, 5, 6))):
        assert chunk_grid(array) == ChunkGrid((4, 5, 6))
    assert chunk_grid(np.zeros(SHAPE)) is None


def test_a_chunk_is_never_larger_than_the_array() -> None:
    assert chunk_sizes(dask.array.zeros((3, 4), chunks=-1)) == (3, 4)


def test_sections_that_are_decoded_as_a_whole_are_chunks() -> None:
    assert chunk_grid(SectionStack(SHAPE, np.uint8, lambda z: np.zeros(SHAPE[1:]))) == ChunkGrid((1, 20, 30))


def test_views_tell_the_chunks_of_what_they_show() -> None:
    stored = dask.array.zeros((30, 2, 10, 20), chunks=(6, 1, 4, 5))
    turned = as_zyx(stored, parse_axes("XC[1]ZY"))
    assert chunk_grid(turned) == ChunkGrid((4, 5, 6))
    cropped = Volume(turned, (1, 1, 1)).crop(Box(1, 9, 5, 20, 7, 30))
    assert chunk_grid(cropped.data) == ChunkGrid((4, 5, 6), (3, 0, 5))


@pytest.mark.parametrize(
    ("offset", "start", "stop", "expected"),
    [
        (0, 0, 10, [(0, 4), (4, 8), (8, 10)]),
        (3, 0, 10, [(0, 3), (3, 7), (7, 10)]),
        (0, 5, 7, [(5, 7)]),
        (0, 4, 8, [(4, 8)]),
        (1, 2, 9, [(2, 5), (5, 9)]),
    ],
)
def test_a_range_is_cut_where_chunks_end(offset: int, start: int, stop: int, expected: list[tuple[int, int]]) -> None:
    assert ChunkGrid((4, 1, 1), (offset, 0, 0)).cuts(0, start, stop) == expected
