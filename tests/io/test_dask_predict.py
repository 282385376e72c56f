"""Blocks made by the workers of a cluster: the same bits, few tasks under way, and sentences for what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client, LocalCluster
from maps import N_BLOCKS, Case, case_in, levels, small_blocks, tiny_settings

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.io import dask_predict
from napari_em_autoclass.io.block_store import BlockStore
from napari_em_autoclass.io.block_work import BlockWorker
from napari_em_autoclass.io.dask_predict import OnDask
from napari_em_autoclass.io.ledger import Entry, Task
from napari_em_autoclass.io.predict_map import predict_map


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    small_blocks(monkeypatch)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return case_in(tmp_path_factory.mktemp("run") / "run", tiny_settings())


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Give a cluster of two workers with a thread each, all in this process: what is patched here is so there too."""
    quiet: dict[str, Any] = {"dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=False, **quiet) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def test_the_map_is_the_same_bit_for_bit_and_goes_on_here_or_there(case: Case, client: Client, tmp_path: Path) -> None:
    here, there, both = (tmp_path / f"{name}.ome.zarr" for name in ("here", "there", "both"))
    elsewhere = OnDask(client, lambda: case.volume)
    list(predict_map(case.order(here)))
    told = list(predict_map(case.order(there), elsewhere))
    assert [made.n_done for made in told] == list(range(N_BLOCKS + 1))
    steps = predict_map(case.order(both), elsewhere)
    for _ in range(9):
        next(steps)
    steps.close()
    told = list(predict_map(case.order(both)))
    assert told[0].n_done == 8
    for one, two, three in zip(levels(here), levels(there), levels(both), strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)


def test_only_some_tasks_are_under_way_and_nothing_stays_on_the_cluster(
    case: Case, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_predict, "_LEAST_UNDER_WAY", 3)
    under_way: list[int] = []
    submit = Client.submit

    def counted(self: Client, *arguments: Any, **options: Any) -> Any:
        future = submit(self, *arguments, **options)
        under_way.append(len([key for key in self.futures if str(key).startswith("em-autoclass-")]))
        return future

    monkeypatch.setattr(Client, "submit", counted)
    list(predict_map(case.order(tmp_path / "c.ome.zarr"), OnDask(client, lambda: case.volume)))
    assert max(under_way) <= 5  # those that have just ended are let go of by another thread
    plugins = client.run(lambda dask_worker: [name for name in dask_worker.plugins if "em-autoclass" in name])
    assert plugins == {address: [] for address in plugins}


def test_the_model_goes_to_each_worker_once_and_the_voxels_stay(
    case: Case, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[int] = []
    prepared: list[BlockWorker] = []
    make = BlockWorker.make

    def counted(self: BlockWorker, task: Task) -> Entry:
        if not any(self is known for known in prepared):
            prepared.append(self)
        return make(self, task)

    def open_stack() -> Volume:
        opened.append(1)
        return case.volume

    monkeypatch.setattr(BlockWorker, "make", counted)
    list(predict_map(case.order(tmp_path / "c.ome.zarr"), OnDask(client, open_stack)))
    assert len(prepared) == 2
    assert len({id(worker._job.predictor.classifier) for worker in prepared}) == 2


def test_an_error_of_the_disk_is_tried_again(
    case: Case, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [OSError(5, "the share was away")] * 2
    write = BlockStore.write

    def shaky(self: BlockStore, index: int, classes: Any, probs: Any) -> tuple[int, ...]:
        if index == 4 and failures:
            raise failures.pop()
        return write(self, index, classes, probs)

    monkeypatch.setattr(BlockStore, "write", shaky)
    told = list(predict_map(case.order(tmp_path / "c.ome.zarr"), OnDask(client, lambda: case.volume)))
    assert (told[-1].n_done, failures) == (N_BLOCKS, [])


def test_a_full_disk_is_told_and_what_is_finished_is_kept(
    case: Case, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "c.ome.zarr"
    write = BlockStore.write

    def full(self: BlockStore, index: int, classes: Any, probs: Any) -> tuple[int, ...]:
        if index == 9:
            raise OSError(28, "No space left on device")
        return write(self, index, classes, probs)

    with monkeypatch.context() as patched:
        patched.setattr(BlockStore, "write", full)
        with pytest.raises(InputError, match="the disk is full"):
            list(predict_map(case.order(out), OnDask(client, lambda: case.volume)))
    told = list(predict_map(case.order(out), OnDask(client, lambda: case.volume)))
    assert 0 < told[0].n_done < told[-1].n_done == N_BLOCKS


def test_what_a_worker_cannot_read_is_told_with_place_and_worker(case: Case, client: Client, tmp_path: Path) -> None:
    class Damaged:
        shape, dtype = case.volume.shape_zyx, np.dtype(np.uint8)

        def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
            if key[0].start <= 3 < key[0].stop and key[1].stop > 200:
                raise OSError("checksum of a chunk is wrong")
            return np.asarray(case.volume.data[key])

    damaged = replace(case.volume, data=Damaged())
    with pytest.raises(InputError, match=r"can't read section.*y \d+:\d+.*on worker ") as caught:
        list(predict_map(case.order(tmp_path / "c.ome.zarr"), OnDask(client, lambda: damaged)))
    assert "\n" not in str(caught.value)


def test_a_worker_that_sees_another_stack_or_no_output_says_so(case: Case, client: Client, tmp_path: Path) -> None:
    other = replace(case.volume, data=255 - np.asarray(case.volume.data))
    with pytest.raises(InputError, match="stack is another stack there"):
        list(predict_map(case.order(tmp_path / "c.ome.zarr"), OnDask(client, lambda: other)))

    def absent() -> Volume:
        raise InputError("stack.zarr: no such file or folder; check the path")

    with pytest.raises(InputError, match=r"no such file.*on worker"):
        list(predict_map(case.order(tmp_path / "c.ome.zarr"), OnDask(client, absent)))
    assert list(tmp_path.iterdir()) == []


def test_a_cluster_whose_workers_come_later_is_waited_for(case: Case, tmp_path: Path) -> None:
    quiet: dict[str, Any] = {"dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    with (
        LocalCluster(n_workers=0, threads_per_worker=1, processes=False, **quiet) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        steps = predict_map(case.order(tmp_path / "c.ome.zarr"), OnDask(client, lambda: case.volume))
        assert next(steps).n_done == 0
        cluster.scale(1)
        assert [made.n_done for made in steps][-1] == N_BLOCKS


def test_asking_it_to_end_takes_effect_while_it_waits(case: Case, tmp_path: Path) -> None:
    asked: list[int] = []

    def between() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise KeyboardInterrupt

    quiet: dict[str, Any] = {"dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    with (
        LocalCluster(n_workers=0, processes=False, **quiet) as cluster,
        Client(cluster, set_as_default=False) as client,
        pytest.raises(KeyboardInterrupt),
    ):
        list(predict_map(case.order(tmp_path / "c.ome.zarr"), OnDask(client, lambda: case.volume, between=between)))
    assert list(tmp_path.iterdir()) == []
