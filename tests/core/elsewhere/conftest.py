"""A Dask scheduler with one worker, in this process: a training there is one in another thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from napari_em_autoclass.core.elsewhere import Cluster, Order
from napari_em_autoclass.core.model import fingerprint
from napari_em_autoclass.core.phantom import Phantom
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.io.reference import ByValue, by_value


@pytest.fixture(scope="session")
def local_cluster() -> Iterator[Any]:
    """Give the cluster; starting one takes a second, so all tests share it."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1,
        threads_per_worker=4,
        processes=False,
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address=None,
    ) as made:
        yield made


@pytest.fixture
def connected(local_cluster: Any) -> Iterator[Callable[[], Cluster]]:
    """Give what connects to it; a connection is closed by who uses it."""
    from distributed import Client

    made: list[Cluster] = []

    def connect() -> Cluster:
        client = Client(local_cluster, set_as_default=False)
        made.append(Cluster(client, "the test's cluster", closing=[client.close]))
        return made[-1]

    yield connect
    for cluster in made:
        cluster.close()


@pytest.fixture
def stack(phantom: Phantom) -> Volume:
    """Give a stack that is in no file."""
    return Volume(phantom.raw, phantom.voxel_size_nm, "phantom")


@pytest.fixture
def value(stack: Volume) -> Callable[[], ByValue]:
    """Give what sends the stack."""
    return partial(by_value, stack)


@pytest.fixture
def make_order(stack: Volume, fast_settings: RunSettings, tmp_path: Path) -> Callable[..., Order]:
    """Give what makes orders for a tiny run, each with an id of its own."""
    numbers = iter(range(100))

    def make(settings: RunSettings = fast_settings, **options: Any) -> Order:
        number = next(numbers)
        known = {"open_volume": None, "run_dir": str(tmp_path / f"run-{number}"), **options}
        run_id = f"{tmp_path.name}-{number}"
        return Order(run_id=run_id, fingerprint=fingerprint(stack), settings=settings, **known)

    return make
