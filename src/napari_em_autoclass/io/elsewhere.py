"""The trainer that trains a stack at another place."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.place import Place
from napari_em_autoclass.io.reference import by_path, by_value

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_em_autoclass.core.elsewhere import Cluster, RemoteTrainer, TrainingInfo
    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.volume import Volume

__all__ = ["RunRequest", "attach", "open_elsewhere", "running_at"]


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Which run to train: a new one in `run_dir`, or the one there that is to `resume`."""

    settings: RunSettings
    run_dir: Path
    resume: bool = False


def open_elsewhere(
    place: Place, volume: Volume, run: RunRequest, open_volume: Callable[[], Volume] | None = None
) -> RemoteTrainer:
    """Return the trainer of a run in another process, ready for `events`.

    Parameters
    ----------
    place : not "here"
    volume : as it is here
    run : what to train
    open_volume : opens the same stack there; None finds out by the stack's source

    Raises
    ------
    InputError
        If the place can't be reached, or the folder holds a run already.
    """
    from napari_em_autoclass.core.elsewhere import Order, RemoteTrainer  # noqa: PLC0415  Dask is slow to import
    from napari_em_autoclass.core.model import fingerprint  # noqa: PLC0415

    order = Order(
        uuid.uuid4().hex[:12],
        open_volume or by_path(volume),
        fingerprint(volume),
        run.settings,
        str(run.run_dir.absolute()),
        run.resume,
        keeps_going=place.keeps_going and place.kind == "cluster",
    )
    cluster = _cluster(place)
    try:
        return RemoteTrainer(cluster, order, partial(by_value, volume))
    except InputError:
        cluster.close()
        raise


def running_at(address: str) -> list[TrainingInfo]:
    """Return the trainings that the workers of a cluster have.

    Raises
    ------
    InputError
        If it can't be reached.
    """
    cluster = _cluster(Place("cluster", address))
    try:
        return cluster.trainings()
    finally:
        cluster.close()


def attach(address: str, run_id: str, run_dir: Path | None = None) -> RemoteTrainer:
    """Return what follows a training that runs at `address` already.

    Parameters
    ----------
    address : of the scheduler
    run_id : of the training, or how it begins
    run_dir : where to keep the run here; None takes the folder where it was ordered

    Raises
    ------
    InputError
        If there is no such training there, or several whose id begins so.
    """
    from napari_em_autoclass.core.elsewhere import RemoteTrainer  # noqa: PLC0415

    cluster = _cluster(Place("cluster", address))
    found = [info for info in cluster.trainings() if info.run_id.startswith(run_id)]
    if len(found) != 1:
        cluster.close()
        said = "no training" if not found else "several trainings"
        raise InputError(f"there is {said} {run_id} at {address}; `em-autoclass attach {address}` lists them")
    return RemoteTrainer.attached(cluster, found[0], run_dir)


def _cluster(place: Place) -> Cluster:
    from napari_em_autoclass.core.elsewhere import connect, own_process  # noqa: PLC0415

    if place.kind == "own process":
        return own_process()
    if not place.address.strip():
        raise InputError("type the address of the cluster's scheduler, e.g. tcp://gpu-box:8786")
    return connect(place.address.strip())
