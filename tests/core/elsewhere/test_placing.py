from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_em_autoclass.core.elsewhere import Cluster, Order, worker_side
from napari_em_autoclass.core.elsewhere.placing import place, sees_folder
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.reference import ByValue


def cant_open() -> Any:
    raise InputError("no such file")


def too_large() -> Any:
    raise InputError("phantom is too large to be sent")


def opens() -> Any:
    return None


def test_a_stack_that_the_worker_can_open_is_not_sent(
    connected: Callable[[], Cluster], make_order: Callable[..., Order]
) -> None:
    cluster = connected()
    placed = place(cluster, make_order(open_volume=opens, run_dir="/tmp"), too_large)
    assert placed.task is not None
    placed.task.cancel()


@pytest.mark.parametrize("open_volume", [None, cant_open])
def test_a_stack_that_can_neither_be_opened_there_nor_sent_is_refused(
    connected: Callable[[], Cluster], make_order: Callable[..., Order], open_volume: Any
) -> None:
    with pytest.raises(InputError, match=r"can't open the stack .*too large to be sent"):
        place(connected(), make_order(open_volume=open_volume), too_large)
    with pytest.raises(InputError, match=r"can't open the stack .*put it where both"):
        place(connected(), make_order(open_volume=open_volume), None)


def test_the_worker_on_the_same_machine_sees_the_run_folder(
    connected: Callable[[], Cluster], make_order: Callable[..., Order], value: Callable[[], ByValue], tmp_path: Path
) -> None:
    cluster = connected()
    worker, _ = cluster.choose_worker("cpu")
    assert sees_folder(cluster, worker, tmp_path / "run", worker_side.sees)
    assert not sees_folder(cluster, worker, tmp_path / "run", worker_side.writes_beside, "no such run")
