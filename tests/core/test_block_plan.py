"""Blocks cover the volume once, are whole tiles and whole files, and coarser blocks are made of whole finer ones."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_em_autoclass.core.block_plan import CHUNK_ZYX, BlockPlan, chunk_of

lengths = st.tuples(st.integers(1, 40), st.integers(1, 900), st.integers(1, 900))
tiles = st.tuples(st.sampled_from([32, 96, 128, 160, 256, 512, 768]), st.sampled_from([32, 96, 128, 256, 512]))


def test_blocks_fill_the_volume_once_with_z_slowest() -> None:
    plan = BlockPlan((5, 7, 9), (2, 3, 4))
    counts = np.zeros(plan.shape_zyx, int)
    for index, box in enumerate(plan.boxes()):
        counts[box.slices] += 1
        assert plan.index_of((box.z0, box.y0, box.x0)) == plan.index_of((box.z1 - 1, box.y1 - 1, box.x1 - 1)) == index
    assert (counts == 1).all()
    assert len(plan) == prod(plan.counts) == 3 * 3 * 3
    assert [plan.box(i).z0 for i in (0, 8, 9)] == [0, 0, 2]


@settings(max_examples=40)
@given(lengths, tiles, st.sampled_from([2, 5, 20, 256]), st.sampled_from([1, 2, 16]))
def test_a_block_is_whole_tiles_and_whole_chunks_and_not_too_large(
    shape: tuple[int, int, int], tile: tuple[int, int], held: int, deepest: int
) -> None:
    plan = BlockPlan.fit(shape, tile, held, deepest)
    depth = plan.block_zyx[0]
    assert depth <= max(deepest, 32)
    chunk, shard = chunk_of(shape, plan.block_zyx)
    for side, n, tile_side, chunk_side, shard_side in zip(
        plan.block_zyx[1:], shape[1:], tile, chunk[1:], shard[1:], strict=True
    ):
        # One block where one tile is enough; else as many tiles as make whole chunks.
        assert side == n if n <= tile_side else side % tile_side == 0
        assert shard_side % chunk_side == 0
        assert shard_side >= min(side, n)
        assert shard_side == side or side >= n
    assert depth == 1 or prod(plan.block_zyx) * held <= 128_000_000


@settings(max_examples=40)
@given(lengths, tiles, st.tuples(*[st.sampled_from([1, 2])] * 3))
def test_a_coarser_block_is_made_of_whole_blocks_and_each_is_part_of_one(
    shape: tuple[int, int, int], tile: tuple[int, int], factors: tuple[int, int, int]
) -> None:
    finer = BlockPlan.fit(shape, tile, 2, 16)
    coarser = finer.coarser(factors)
    assert coarser.shape_zyx == tuple(-(-n // f) for n, f in zip(shape, factors, strict=True))
    met: list[int] = []
    for index in range(len(coarser)):
        children = coarser.children(index, finer, factors)
        assert all(finer.parent(child, coarser, factors) == index for child in children)
        covered = sum(prod(finer.box(child).shape) for child in children)
        box = coarser.box(index)
        asked = [min(p.stop * f, n) - p.start * f for p, f, n in zip(box.slices, factors, shape, strict=True)]
        assert covered == prod(asked)
        met += children
    assert sorted(met) == list(range(len(finer)))


def test_blocks_grow_with_the_volume_but_never_beyond_what_a_laptop_holds() -> None:
    small = BlockPlan.fit((512, 1024, 2048), (512, 512), 2, 16)
    assert small.block_zyx == (16, 512, 512)
    petabyte = BlockPlan.fit((100_000, 100_000, 100_000), (512, 512), 2, 16)
    assert petabyte.block_zyx == (32, 1024, 1024)
    assert len(petabyte) < 40_000_000
    many_classes = BlockPlan.fit((100_000, 100_000, 100_000), (256, 256), 255, 16)
    assert prod(many_classes.block_zyx) * 255 <= 128_000_000


@pytest.mark.parametrize(
    ("shape", "block", "chunk", "shard"),
    [
        ((40, 1000, 700), (16, 512, 512), (16, 128, 128), (16, 512, 512)),
        ((5, 64, 300), (16, 64, 300), (5, 64, 128), (5, 64, 384)),
        ((40, 200, 100), (4, 512, 512), (4, 128, 100), (4, 256, 100)),
    ],
)
def test_a_file_is_a_block_or_all_there_is(
    shape: tuple[int, int, int],
    block: tuple[int, int, int],
    chunk: tuple[int, int, int],
    shard: tuple[int, int, int],
) -> None:
    assert chunk_of(shape, block) == (chunk, shard)
    assert all(part <= most for part, most in zip(chunk, CHUNK_ZYX, strict=True))
