"""Blocks in files of their own, in arrays that any reader of Zarr understands."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_em_autoclass.core.block_plan import BlockPlan
from napari_em_autoclass.io.block_store import BlockStore, levels_of
from napari_em_autoclass.io.class_map_target import ClassMapTarget
from napari_em_autoclass.io.ledger import Task
from napari_em_autoclass.io.pyramid import most_frequent

SHAPE, SIZE_NM = (20, 300, 520), (8.0, 8.0, 8.0)
TARGET = ClassMapTarget(SHAPE, SIZE_NM, 3, probabilities=True)
CLASSES = np.random.default_rng(0).integers(0, 4, SHAPE, dtype=np.uint8)
PROBS = np.random.default_rng(1).integers(0, 256, (3, *SHAPE), dtype=np.uint8)


@pytest.fixture
def store(tmp_path: Path) -> BlockStore:
    levels = levels_of(BlockPlan(SHAPE, (16, 128, 256)), SIZE_NM)
    made = BlockStore(tmp_path / "c.zarr", tmp_path / "p.zarr", 3, levels)
    made.create(TARGET)
    return made


def written(store: BlockStore) -> dict[Task, tuple[int, ...]]:
    """Write all blocks of all levels, level by level, and return the sizes of their files."""
    sizes = {}
    for index, box in enumerate(store.levels[0].plan.boxes()):
        sizes[Task(0, index)] = store.write(index, CLASSES[box.slices], PROBS[(slice(None), *box.slices)])
    for number, level in enumerate(store.levels[1:], start=1):
        for index in range(len(level.plan)):
            sizes[Task(number, index)] = store.build(Task(number, index))
    return sizes


def test_all_levels_hold_what_was_written_and_a_block_is_a_file(store: BlockStore) -> None:
    sizes = written(store)
    group = zarr.open_group(store.classes, mode="r")
    np.testing.assert_array_equal(group["0"][:], CLASSES)
    np.testing.assert_array_equal(zarr.open_group(store.probabilities, mode="r")["0"][:], PROBS)
    expected = CLASSES
    assert len(store.levels) == 3
    for number, level in enumerate(store.levels[1:], start=1):
        expected = most_frequent(expected, level.factors)
        np.testing.assert_array_equal(group[str(number)][:], expected)
    files = [file for file in store.classes.rglob("c/**/*") if file.is_file()]
    files += [file for file in store.probabilities.rglob("c/**/*") if file.is_file()]
    assert sorted(files) == sorted(file for task in sizes for file in store.files(task))
    assert all(store.is_whole(task, found) for task, found in sizes.items())
    assert all(min(found) > 0 for found in sizes.values())


def test_a_file_that_was_cut_or_removed_is_not_whole_and_is_written_over(store: BlockStore) -> None:
    sizes, task = written(store), Task(0, 1)
    file = store.files(task)[0]
    for damage in (b"", b"torn", file.read_bytes()[:-1]):
        file.write_bytes(damage)
        assert not store.is_whole(task, sizes[task])
        store.forget(task)
        box = store.levels[0].plan.box(1)
        assert store.write(1, CLASSES[box.slices], PROBS[(slice(None), *box.slices)]) == sizes[task]
    file.unlink()
    assert not store.is_whole(task, sizes[task])


def test_a_block_of_nothing_has_no_file_and_is_whole(store: BlockStore) -> None:
    box = store.levels[0].plan.box(0)
    store.write(0, CLASSES[box.slices], PROBS[(slice(None), *box.slices)])
    sizes = store.write(0, np.zeros(box.shape, np.uint8), np.zeros((3, *box.shape), np.uint8))
    assert sizes == (0, 0, 0, 0)
    assert store.is_whole(Task(0, 0), sizes)
    assert not any(file.exists() for file in store.files(Task(0, 0)))


def test_it_travels_without_its_open_arrays(store: BlockStore) -> None:
    written(store)
    sent = pickle.dumps(store)
    assert len(sent) < 2000
    assert pickle.loads(sent) == store


def test_a_store_for_sections_has_flat_chunks(tmp_path: Path) -> None:
    store = BlockStore(tmp_path / "c.zarr", None, 3, levels_of(BlockPlan(SHAPE, (16, 128, 256)), SIZE_NM)[:1])
    store.create(ClassMapTarget(SHAPE, SIZE_NM, 3), by_section=True)
    array = zarr.open_group(store.classes, mode="r")["0"]
    assert isinstance(array, zarr.Array)
    assert (array.chunks, array.shards) == ((1, 128, 256), (16, 128, 256))


def test_names_can_be_changed_at_the_end(store: BlockStore) -> None:
    store.describe(
        ClassMapTarget(SHAPE, SIZE_NM, 3, names={1: "membrane"}, provenance={"run": "r"}, probabilities=True)
    )
    attributes = dict(zarr.open_group(store.classes, mode="r").attrs)
    assert attributes["ome"]["image-label"]["properties"] == [{"label-value": 1, "name": "membrane"}]
    assert attributes["napari-em-autoclass"]["provenance"] == {"run": "r"}
