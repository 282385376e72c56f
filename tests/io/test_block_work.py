"""One process making blocks; that the map is right is in `test_predict_map`."""

from __future__ import annotations

from pathlib import Path

import pytest
from maps import Case, case_in, small_blocks, tiny_settings

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.predict import Predictor
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io.block_store import BlockStore, levels_of
from napari_em_autoclass.io.block_tasks import TaskFeed
from napari_em_autoclass.io.block_work import BlockJob, BlockWorker, InThisProcess, joined
from napari_em_autoclass.io.class_map_target import ClassMapTarget
from napari_em_autoclass.io.ledger import LEDGER_NAME, Task


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return case_in(tmp_path_factory.mktemp("run") / "run", tiny_settings())


@pytest.fixture
def job(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BlockJob:
    small_blocks(monkeypatch)
    shape, size = case.volume.shape_zyx, case.volume.voxel_size_nm
    predictor = Predictor.of(case.model, case.volume)
    store = BlockStore(tmp_path / "c.zarr", None, 4, levels_of(predictor.plan, size))
    store.create(ClassMapTarget(shape, size, 4))
    (tmp_path / LEDGER_NAME).touch()
    return BlockJob(predictor, store)


def test_a_block_is_on_the_disk_when_it_is_told(job: BlockJob) -> None:
    entry = BlockWorker(job).make(Task(0, 4))
    assert job.store.is_whole(entry.task, entry.sizes)
    assert entry.sizes[0] > 0


@pytest.mark.parametrize("task", [Task(0, 0), Task(1, 0)])
def test_nothing_is_written_once_the_output_is_gone(job: BlockJob, tmp_path: Path, task: Task) -> None:
    worker = BlockWorker(job)
    (tmp_path / LEDGER_NAME).unlink()
    with pytest.raises(InputError, match="is not shared by all workers"):
        worker.make(task)
    assert not any(file.exists() for file in job.store.files(task))


def test_it_can_be_asked_to_end_between_tiles(job: BlockJob) -> None:
    asked: list[int] = []

    def between() -> None:
        asked.append(1)
        if len(asked) == 5:
            raise KeyboardInterrupt

    feed = TaskFeed(job.store.levels)
    with pytest.raises(KeyboardInterrupt):
        for entry in InThisProcess(between)(job, feed):
            feed.finish(entry.task)
    assert feed.n_done == 1
    assert not job.store.files(Task(0, 1))[0].exists()


def test_boxes_of_neighbouring_sections_are_told_as_one() -> None:
    boxes = tuple(Box(z, z + 1, 0, 8, x, x + 8) for z in (3, 1, 2, 5) for x in (0, 8))
    assert joined(boxes) == (
        Box(1, 4, 0, 8, 0, 8),
        Box(5, 6, 0, 8, 0, 8),
        Box(1, 4, 0, 8, 8, 16),
        Box(5, 6, 0, 8, 8, 16),
    )
