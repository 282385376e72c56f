"""The near side of a training elsewhere: what a trainer offers, answered by a worker."""

from __future__ import annotations

import pickle
import time
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Final

from napari_em_autoclass.core.elsewhere import worker_side
from napari_em_autoclass.core.elsewhere.cluster import Cluster, WorkerLost
from napari_em_autoclass.core.elsewhere.file_transfer import write_files
from napari_em_autoclass.core.elsewhere.order import Order
from napari_em_autoclass.core.elsewhere.placing import Placed, place, sees_folder
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import (
    CheckpointSaved,
    CutRequest,
    Event,
    Notice,
    RunEnded,
    ViewRequest,
)
from napari_em_autoclass.core.run_lock import RunLock
from napari_em_autoclass.core.run_settings import RunSettings, refuse_fixed_changes

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from napari_em_autoclass.core.elsewhere.order import TrainingInfo
    from napari_em_autoclass.core.elsewhere.worker_side import Heard
    from napari_em_autoclass.core.volume import Volume

__all__ = ["RemoteTrainer"]

_WAIT_S: Final = 1.0
_SAY_WAITING_AFTER_S: Final = 3.0
_SAVING_S: Final = 60.0


class RemoteTrainer:
    """A run on a Dask worker; offers what `Trainer` offers, see there.

    Parameters
    ----------
    cluster : where; closed after the last event
    order : what to train; whether the worker sees the run folder is found out here
    by_value : gives the stack itself, as something that opens it, where the worker can't open it; raises InputError if
        it is too large to be sent

    Raises
    ------
    InputError
        If the folder holds a run already and it is not to be resumed.  What the worker finds wrong comes from `events`.
    """

    def __init__(
        self, cluster: Cluster, order: Order, by_value: Callable[[], Callable[[], Volume]] | None = None
    ) -> None:
        self.run_id, self.run_dir = order.run_id, Path(order.run_dir)
        self._cluster, self._order, self._by_value = cluster, order, by_value
        self._settings, self._is_paused = order.settings, False
        self._view: ViewRequest | CutRequest | None = None
        self._runs_on: str | None = None
        self._is_left = self._is_stopped = False
        self._wishes: dict[str, Any] = {}
        self._lock, self._wished, self._over = Lock(), Flag(), Flag()
        self._files: dict[str, bytes] = {}
        self._saved_step: int | None = None
        self._run_lock: RunLock | None = None
        if not order.resume and (self.run_dir / "run.json").exists():
            raise InputError(f"{self.run_dir} already holds a run; choose another folder, or resume it")

    @classmethod
    def attached(cls, cluster: Cluster, info: TrainingInfo, run_dir: Path | None = None) -> RemoteTrainer:
        """Return what follows a training that runs already, from its first event on.

        Parameters
        ----------
        cluster, info : where it runs
        run_dir : where to keep the run here; None takes the folder where it was ordered
        """
        folder = str(run_dir or info.run_dir)
        order = Order(info.run_id, None, info.fingerprint, info.settings, folder, True, keeps_going=info.keeps_going)
        trainer = cls(cluster, order)
        trainer._runs_on, trainer._is_paused = info.worker, info.state == "paused"
        return trainer

    @property
    def fingerprint(self) -> str:
        """Of the stack that is learned from."""
        return self._order.fingerprint

    @property
    def settings(self) -> RunSettings:
        """Settings of the run; terms, views and training may be replaced, whole, while it goes on."""
        return self._settings

    @settings.setter
    def settings(self, settings: RunSettings) -> None:
        refuse_fixed_changes(self._settings, settings)
        self._settings = settings
        self._wish("settings", settings)

    @property
    def view(self) -> ViewRequest | CutRequest | None:
        """What somebody looks at."""
        return self._view

    @view.setter
    def view(self, view: ViewRequest | CutRequest | None) -> None:
        self._view = view
        self._wish("view", view)

    @property
    def is_paused(self) -> bool:
        """Whether the training rests."""
        return self._is_paused

    @is_paused.setter
    def is_paused(self, is_paused: bool) -> None:
        self._is_paused = is_paused
        self._wish("is_paused", is_paused)

    def stop(self) -> None:
        """Ask the training to end soon; the run stays usable."""
        self._is_stopped = True
        self._wish("stop", True)

    def leave(self) -> None:
        """End the events; a training that may go on by itself does so, any other is stopped."""
        self._is_left = True
        if not self._order.keeps_going:
            self.stop()

    def close(self) -> None:
        """Hang up without events."""
        self._cluster.close()

    def events(self) -> Generator[Event, None, None]:
        """Train there, and say here what happens; closing the generator leaves the training, see `leave`.

        Yields
        ------
        Event
            Those of the trainer, fewer pictures if the way is slow, and a notice while no worker is free.

        Raises
        ------
        InputError
            If the worker can't do it, as `Trainer` says; `WorkerLost` if it died or can't be reached.
        """
        try:
            placed = self._placed()
            if placed.fetches:  # elsewhere the worker has the lock
                self._take_lock()
            try:
                yield from self._followed(placed)
            except GeneratorExit:
                self.leave()
                self._wait_until_saved(placed)
                raise
        except WorkerLost as error:
            raise WorkerLost(f"{error}; {self._what_is_kept()}") from error
        finally:
            self._over.set()
            self._wished.set()
            self._cluster.close()
            if self._run_lock is not None:
                self._run_lock.release()

    def _placed(self) -> Placed:
        if self._runs_on is None:
            return place(self._cluster, self._order, self._by_value)
        asks = (self._cluster, self._runs_on, self.run_dir, worker_side.writes_beside, self.run_id)
        return Placed(self._runs_on, not sees_folder(*asks))

    def _take_lock(self) -> None:
        try:
            self.run_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"can't write to {self.run_dir} ({error.strerror}); choose another folder") from error
        self._run_lock = RunLock.take(self.run_dir)

    # --- follow ------------------------------------------------------------------------------------------------------

    def _followed(self, placed: Placed) -> Iterator[Event]:
        yield from self._begun(placed)
        Thread(target=self._send_wishes, args=(placed.worker,), daemon=True).start()
        number = 0
        while not (self._is_left and self._order.keeps_going):
            heard = self._hear(placed, number)
            if heard is None:
                return
            for _, event in heard.events:
                yield self._arrived(event, placed)
            number = heard.events[-1][0] if heard.events else number
            if heard.is_over:
                self._cluster.ask(placed.worker, worker_side.forget, self.run_id)
                if heard.error is not None:
                    raise heard.error
                return

    def _begun(self, placed: Placed) -> Iterator[Event]:
        """Wait until the worker has begun, which it may not while it is busy with something else."""
        since, has_said = time.monotonic(), False
        while self._hear(placed, 0) is None:
            if placed.task is None:
                raise InputError("that training is over, and was fetched by somebody else")
            if placed.task.status == "error":
                raise placed.task.exception() or RuntimeError("the task failed")
            if self._is_stopped or self._is_left:
                placed.task.cancel()
                yield RunEnded(self.run_id, 0, "stopped", "Stopped before a worker was free.")
                return
            if not has_said and time.monotonic() - since > _SAY_WAITING_AFTER_S:
                has_said = True
                yield Notice(self.run_id, f"Waiting until a worker of {self._cluster.name} is free.")

    def _hear(self, placed: Placed, after: int) -> Heard | None:
        answer = self._cluster.ask(placed.worker, worker_side.hear, self.run_id, after, _WAIT_S)
        heard: Heard | None = pickle.loads(answer)  # from a worker that may run anything here anyway; see the package
        return heard

    def _arrived(self, event: Event, placed: Placed) -> Event:
        if placed.fetches and isinstance(event, CheckpointSaved | RunEnded):
            files = self._cluster.ask(placed.worker, worker_side.fetch, self.run_id)
            write_files(self.run_dir, files, self._files)
            self._files = files
        if isinstance(event, CheckpointSaved):
            self._saved_step = event.step
            return replace(event, path=str(self.run_dir))
        return event

    def _wait_until_saved(self, placed: Placed) -> None:
        """Let a training that was stopped save what it learned."""
        number, give_up_at = 0, time.monotonic() + _SAVING_S
        while self._is_stopped and time.monotonic() < give_up_at:
            heard = self._hear(placed, number)
            if heard is None:
                return
            for _, event in heard.events:
                if isinstance(event, RunEnded):
                    self._arrived(event, placed)
            number = heard.events[-1][0] if heard.events else number
            if heard.is_over:
                self._cluster.ask(placed.worker, worker_side.forget, self.run_id)
                return

    def _what_is_kept(self) -> str:
        if self._saved_step is None:
            return "nothing was saved yet"
        return f"what was learned up to step {self._saved_step} is in {self.run_dir}, go on from there"

    # --- wishes ------------------------------------------------------------------------------------------------------

    def _wish(self, name: str, value: object) -> None:
        with self._lock:
            self._wishes[name] = value
        self._wished.set()

    def _send_wishes(self, worker: str) -> None:
        """Carry wishes to the worker: the newest of each kind, so that a slow way is not clogged by old ones."""
        while not self._over.is_set():
            self._wished.wait()
            self._wished.clear()
            with self._lock:
                wishes, self._wishes = self._wishes, {}
            try:
                if wishes:
                    self._cluster.ask(worker, worker_side.wish, self.run_id, wishes)
            except (WorkerLost, RuntimeError):  # whoever hears the events is told; or we are being closed
                return
