"""From an order to a task on a worker: which worker, how it gets the stack, and where it writes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_em_autoclass.core.elsewhere import worker_side
from napari_em_autoclass.core.elsewhere.file_transfer import Mark, read_files
from napari_em_autoclass.core.elsewhere.order import Parcel
from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_em_autoclass.core.elsewhere.cluster import Cluster
    from napari_em_autoclass.core.elsewhere.order import Order
    from napari_em_autoclass.core.volume import Volume

__all__ = ["Placed", "place", "sees_folder"]


@dataclass(frozen=True)
class Placed:
    """Where a training is: the worker's address, whether its files must be fetched, and its task if it is ours."""

    worker: str
    fetches: bool
    task: Any = None


def place(cluster: Cluster, order: Order, by_value: Callable[[], Callable[[], Volume]] | None) -> Placed:
    """Hand `order` to a worker.

    Parameters
    ----------
    cluster, order : where, and what
    by_value : gives what is to be sent in place of a stack that the worker can't open

    Raises
    ------
    InputError
        If there is no worker to do it, or the stack can't be opened there and is too large to be sent.
    """
    worker, resources = cluster.choose_worker(order.settings.device)
    sees = sees_folder(cluster, worker, Path(order.run_dir), worker_side.sees)
    files = read_files(Path(order.run_dir)) if order.resume and not sees else {}
    parcel = Parcel(_to_send(cluster, worker, order, by_value), files)
    order = replace(order, sees_run_dir=sees)
    client, key = cluster.client, f"em-autoclass-{order.run_id}"
    # Apart from the task: what is large must not pass through the scheduler's graph.
    sent = client.scatter(parcel, workers=[worker], hash=False) if parcel.open_volume or files else None
    options: dict[str, Any] = {"workers": [worker], "resources": resources, "key": key, "pure": False}
    task = client.submit(worker_side.train, order, sent, **options)
    if order.keeps_going:
        from distributed import fire_and_forget  # noqa: PLC0415

        fire_and_forget(task)
    return Placed(worker, not sees, task)


def sees_folder(cluster: Cluster, worker: str, folder: Path, sees: Callable[..., bool], *arguments: Any) -> bool:
    """Return whether a worker sees what is written into `folder` here.

    Parameters
    ----------
    sees : asked on the worker, with `arguments` and the path of a file that is there for the moment
    """
    with Mark(folder) as mark:
        return mark is not None and bool(cluster.ask(worker, sees, *arguments, str(mark)))


def _to_send(
    cluster: Cluster, worker: str, order: Order, by_value: Callable[[], Callable[[], Volume]] | None
) -> Callable[[], Volume] | None:
    """Return the stack itself if the worker can't open it by itself."""
    reason = "it is in no file"
    if order.open_volume is not None:
        reason = cluster.ask(worker, worker_side.opens, order.open_volume)
        if not reason:
            return None
    if by_value is None:
        raise InputError(f"the worker {worker} can't open the stack ({reason}); put it where both can read it")
    try:
        return by_value()
    except InputError as error:
        raise InputError(f"the worker {worker} can't open the stack ({reason}), and {error}") from error
