"""What happens on the worker: the trainer, what it said, and what is wished of it.

The training is a Dask task, so that the cluster knows that the worker is busy.  Everything else (fetching events,
wishes, files) is run on the worker's event loop, beside the task, and must return at once.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import shutil
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from napari_em_autoclass.core.elsewhere.event_buffer import EventBuffer
from napari_em_autoclass.core.elsewhere.file_transfer import read_files, write_files
from napari_em_autoclass.core.elsewhere.order import Order, Parcel, TrainingInfo
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import Event, StepDone
from napari_em_autoclass.core.model import fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_em_autoclass.core.trainer import Trainer

__all__ = [
    "Heard",
    "TrainingTask",
    "fetch",
    "forget",
    "hear",
    "infos",
    "opens",
    "sees",
    "train",
    "version",
    "wish",
    "writes_beside",
]

_KEY: Final = "napari-em-autoclass"
_LOOK_EVERY_S: Final = 0.01
# Steps alone are worth no more than ten answers a second.
_GATHER_S: Final = 0.1
# A client that was closed properly says so; one that crashed is missed after a minute.
_PATIENCE_S: Final = 60.0


class Heard(NamedTuple):
    """Numbered events, whether there will be no more, and what ended the training if it was an error."""

    events: list[tuple[int, Event]]
    is_over: bool
    error: Exception | None


class TrainingTask:
    """A training on this worker.

    Parameters
    ----------
    order : what to train
    parcel : what was sent beside it
    worker : address of the worker
    patience_s : for how long it goes on when nobody listens, unless the order says to keep going
    """

    def __init__(
        self, order: Order, parcel: Parcel | None = None, worker: str = "", patience_s: float = _PATIENCE_S
    ) -> None:
        self.order, self.buffer = order, EventBuffer()
        self._parcel: Parcel | None = parcel or Parcel()
        self.run_dir = Path(order.run_dir)
        self.heard_at = time.monotonic()
        self._worker, self._patience_s = worker, patience_s
        self._trainer: Trainer | None = None
        self._wishes: dict[str, Any] = {}
        self._name = ""
        self._last: StepDone | None = None
        self._over = Flag()
        self.error: Exception | None = None

    @property
    def is_over(self) -> bool:
        """Whether the training has ended, one way or another."""
        return self._over.is_set()

    def run(self) -> None:
        """Train to the end; whatever goes wrong is kept for whoever listens."""
        Thread(target=self._watch, daemon=True).start()
        try:
            self._train()
        except Exception as error:
            self.error = _sendable(error)
        finally:
            self._trainer = self._parcel = (
                None  # their memory is free for others, though the events may be fetched later
            )
            self._over.set()

    def wish(self, wishes: Mapping[str, Any]) -> None:
        """Set `settings`, `view`, `is_paused` of the trainer, or stop it; before it is there, as soon as it is."""
        self._wishes |= wishes
        if self._trainer is not None:
            self._grant(self._trainer)

    def info(self) -> TrainingInfo:
        """Return what is known of the training."""
        trainer, last = self._trainer, self._last
        state: Any = "starting" if last is None else "learning"
        if trainer is not None and trainer.is_paused:
            state = "paused"
        return TrainingInfo(
            self.order.run_id,
            self._worker,
            self._name,
            self.order.fingerprint,
            self.order.settings if trainer is None else trainer.settings,
            self.order.run_dir,
            str(self.run_dir),
            "ended" if self.is_over else state,
            0 if last is None else last.step,
            0.0 if last is None else last.fraction,
            self.order.keeps_going,
        )

    def close(self) -> None:
        """Delete what the worker wrote into a folder of its own."""
        if not self.order.sees_run_dir and self.run_dir != Path(self.order.run_dir):
            shutil.rmtree(self.run_dir.parent, ignore_errors=True)

    def _train(self) -> None:
        from napari_em_autoclass.core.trainer import Trainer  # noqa: PLC0415  torch, in the thread of the task

        order, parcel = self.order, self._parcel or Parcel()
        if not order.sees_run_dir:
            self.run_dir = Path(tempfile.mkdtemp(prefix="em-autoclass-run-")) / "run"
            write_files(self.run_dir, parcel.files, {})
        open_volume = parcel.open_volume or order.open_volume
        assert open_volume is not None, "one or the other"
        volume = open_volume()
        self._name = volume.name
        if fingerprint(volume) != order.fingerprint:
            raise InputError(f"the worker sees another stack at {volume.source or volume.name}; name one it shares")
        trainer = Trainer(volume, order.settings, run_dir=self.run_dir, resume=order.resume)
        if trainer.folder is not None and trainer.folder.settings != order.settings:
            trainer.folder.save_settings(order.settings)  # a larger budget
        self._trainer = trainer
        self._grant(trainer)
        with closing(trainer.events()) as events:
            for event in events:
                self._last = event if isinstance(event, StepDone) else self._last
                # The trainer has an id of its own; this one was known before there was a trainer.
                self.buffer.put(replace(event, run_id=order.run_id))

    def _grant(self, trainer: Trainer) -> None:
        while self._wishes:
            name, value = self._wishes.popitem()
            if name == "stop":
                trainer.stop()
            else:
                with suppress(InputError):  # the client has checked it, and told the user
                    setattr(trainer, name, value)

    def _watch(self) -> None:
        """Stop a training that nobody listens to any more."""
        while not self._over.wait(min(1.0, self._patience_s / 4)):
            if not self.order.keeps_going and time.monotonic() - self.heard_at > self._patience_s:
                self.wish({"stop": True})


# --- run by the client on the worker ----------------------------------------------------------------------------------


def train(order: Order, parcel: Parcel | None = None) -> None:
    """Be the task: train, and keep what happens where `hear` finds it."""
    from distributed import get_worker  # noqa: PLC0415

    worker = get_worker()
    log = logging.getLogger("distributed.worker")
    if not any(isinstance(known, _Unsaid) for known in log.filters):
        log.addFilter(_Unsaid())
    task = TrainingTask(order, parcel, worker.address)
    _trainings(worker)[order.run_id] = task
    task.run()


async def hear(run_id: str, after: int, wait_s: float, dask_worker: Any = None) -> bytes:
    """Return `Heard`, pickled, as soon as there is something new, or after `wait_s`; None if there is no such run."""
    began = time.monotonic()
    while True:
        task = _trainings(dask_worker).get(run_id)
        is_over = task is not None and task.is_over  # before looking for news: none come after it
        fresh = task.buffer.after(after) if task is not None else []
        is_urgent = is_over or any(not isinstance(event, StepDone) for _, event in fresh)
        if is_urgent or time.monotonic() - began >= (min(_GATHER_S, wait_s) if fresh else wait_s):
            break
        await asyncio.sleep(_LOOK_EVERY_S)
    if task is None:
        return pickle.dumps(None)
    task.heard_at = time.monotonic()
    is_last = is_over and (not fresh or fresh[-1][0] == task.buffer.newest)
    return pickle.dumps(Heard(fresh, is_last, task.error if is_last else None), protocol=5)


def wish(run_id: str, wishes: Mapping[str, Any], dask_worker: Any = None) -> None:
    """See `TrainingTask.wish`; nothing for a training that is not there."""
    task = _trainings(dask_worker).get(run_id)
    if task is not None:
        task.wish(wishes)


def infos(dask_worker: Any = None) -> list[TrainingInfo]:
    """Return the trainings of the worker."""
    return [task.info() for task in _trainings(dask_worker).values()]


def fetch(run_id: str, dask_worker: Any = None) -> dict[str, bytes]:
    """Return the files of a run."""
    task = _trainings(dask_worker).get(run_id)
    return {} if task is None else read_files(task.run_dir)


def forget(run_id: str, dask_worker: Any = None) -> None:
    """Let go of a training that is over."""
    task = _trainings(dask_worker).get(run_id)
    if task is not None and task.is_over:
        task.close()
        del _trainings(dask_worker)[run_id]


def sees(path: str) -> bool:
    """Return whether a file is there for the worker too."""
    return Path(path).exists()


def writes_beside(run_id: str, path: str, dask_worker: Any = None) -> bool:
    """Return whether the folder that a training writes to is the one of `path`, or in it."""
    task = _trainings(dask_worker).get(run_id)
    name = Path(path).name
    return task is not None and any((folder / name).exists() for folder in (task.run_dir, task.run_dir.parent))


async def opens(open_volume: Any) -> str:
    """Return "" if the worker can open a stack, else why not."""

    def attempt() -> str:
        try:
            open_volume()
        except Exception as error:
            return str(error) or type(error).__name__
        return ""

    return await asyncio.to_thread(attempt)


def version() -> str:
    """Return which version of this package the worker has."""
    from napari_em_autoclass import __version__  # noqa: PLC0415

    return str(__version__)


class _Unsaid(logging.Filter):
    """Keeps Dask from writing a line into the worker's log each time that somebody asks for events."""

    def filter(self, record: logging.LogRecord) -> bool:
        names = record.args[:1] if isinstance(record.args, tuple) else ()
        return not (str(record.msg).startswith("Run out-of-band") and names in (("hear",), ("wish",)))


def _trainings(worker: Any) -> dict[str, TrainingTask]:
    found: dict[str, TrainingTask] = worker.extensions.setdefault(_KEY, {})
    return found


def _sendable(error: Exception) -> Exception:
    """Return `error` if it survives pickling, else one of a common type that says the same."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
