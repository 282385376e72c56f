"""What is sent to a worker to train, and what a worker says about a training it has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.volume import Volume

__all__ = ["Order", "Parcel", "TrainingInfo"]


@dataclass(frozen=True, slots=True)
class Order:
    """A run to be trained by a worker; must be picklable.

    Parameters
    ----------
    run_id : of the run, as its events name it
    open_volume : opens the stack, there; None if it is in no file, and must be sent
    fingerprint : of the stack, so that another one that lies at the same place there is not mistaken for it
    settings : of the run
    run_dir : the run's folder where it was ordered
    resume : go on from the last checkpoint
    sees_run_dir : whether the worker writes into `run_dir` itself; otherwise into a folder of its own, from which the
        files are fetched
    keeps_going : go on when nobody listens any more
    """

    run_id: str
    open_volume: Callable[[], Volume] | None
    fingerprint: str
    settings: RunSettings
    run_dir: str
    resume: bool = False
    sees_run_dir: bool = True
    keeps_going: bool = False


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent beside an order where the worker can't see it: the stack, and the files of the run to resume."""

    open_volume: Callable[[], Volume] | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrainingInfo:
    """A training that a worker has.

    `run_dir` is the folder where it was ordered; `trains_in` the one that the worker writes to; `worker` its address.
    """

    run_id: str
    worker: str
    volume_name: str
    fingerprint: str
    settings: RunSettings
    run_dir: str
    trains_in: str
    state: Literal["starting", "learning", "paused", "ended"]
    step: int
    fraction: float
    keeps_going: bool
