"""The blocks of a class map on the workers of a Dask cluster.

The job, with the model in it, goes to each worker once: as a plugin, which the scheduler also hands to workers that
join later or are started anew after a crash.  A task is two numbers.  Only some tasks per thread are under way, so that
neither this process nor the scheduler ever holds a graph of all blocks.

The stack is opened by each worker for itself, and each writes its blocks straight to the disk: the file system of the
output must be shared, that of the run need not be.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from distributed import WorkerPlugin, get_worker

from napari_em_autoclass import __version__
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import fingerprint
from napari_em_autoclass.io.block_work import BlockJob, BlockWorker
from napari_em_autoclass.io.ledger import Entry, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distributed import Client, Future, Worker

    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.io.block_tasks import TaskFeed

__all__ = ["OnDask"]

_UNDER_WAY_PER_THREAD: Final = 2
#: While a cluster that grows with its work has no workers yet, it must see some.
_LEAST_UNDER_WAY: Final = 8
#: Dask has then tried it on four workers already, each of which died.
_ATTEMPTS: Final = 2
#: Of errors of the network or the disk.
_RETRIES: Final = 2
_LOOK_EVERY_S: Final = 0.2
_COUNT_EVERY_S: Final = 5.0
_PATIENCE_S: Final = 60.0


class OnDask:
    """Makes the blocks on the workers of `client`.

    Parameters
    ----------
    client : connected
    open_stack : opens on any worker the stack that the job is about
    device : what to compute on, "auto" takes the best each worker has
    between : called often while waiting; may raise to end early
    is_own : whether the workers belong to this program alone: they then leave Ctrl-C to it
    """

    def __init__(
        self,
        client: Client,
        open_stack: Callable[[], Volume],
        *,
        device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
        between: Callable[[], None] = lambda: None,
        is_own: bool = False,
    ) -> None:
        self._client, self._open_stack = client, open_stack
        self._device, self._between, self._is_own = device, between, is_own

    def __call__(self, job: BlockJob, feed: TaskFeed) -> Iterator[Entry]:
        """Yield the blocks that `feed` gives, as they are finished; the caller tells `feed` of each.

        Raises
        ------
        InputError
            If the stack can't be read somewhere, a worker can't do the work, or the scheduler is gone.
        """
        sent = _Sent(job, self._open_stack, self._device, self._is_own)
        name = f"em-autoclass-{job.store.classes.parent.name}"
        under_way = _UnderWay(self._client, name)
        try:
            self._hand_out(sent, name)
            yield from under_way.made(feed, self._between)
        finally:
            under_way.cancel()
            self._take_back(name)

    def _hand_out(self, sent: _Sent, name: str) -> None:
        try:
            self._client.register_plugin(sent, name=name)
        except (ImportError, AttributeError) as error:
            raise InputError(
                f"the workers can't load napari-em-autoclass {__version__} ({error}); install the same version there"
            ) from error

    def _take_back(self, name: str) -> None:
        if self._client.status != "running":
            return
        try:
            self._client.unregister_worker_plugin(name)
        except Exception:  # the cluster is going: it takes the job with it
            return


class _UnderWay:
    """The tasks that the cluster has now."""

    def __init__(self, client: Client, name: str) -> None:
        self._client, self._name = client, name
        # Of this attempt: the scheduler may still know how a task of the last one ended.
        self._token = uuid.uuid4().hex[:8]
        self._futures: dict[str, tuple[Future[Entry | str], Task, int]] = {}
        self._ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._counted_at, self._n_most = -np.inf, _LEAST_UNDER_WAY

    def made(self, feed: TaskFeed, between: Callable[[], None]) -> Iterator[Entry]:
        self._fill(feed)
        silent_since: float | None = None
        while self._futures:
            between()
            try:
                key = self._ended.get(timeout=_LOOK_EVERY_S)
            except queue.Empty:
                silent_since = self._still_there(silent_since)
                self._fill(feed)
                continue
            if (entry := self._result(key)) is not None:
                yield entry
            self._fill(feed)

    def cancel(self) -> None:
        """Tell the cluster that nobody waits for the rest."""
        futures = [future for future, _, _ in self._futures.values()]
        self._futures.clear()
        if futures and self._client.status == "running":
            try:
                self._client.cancel(futures, force=True)
            except Exception:  # the cluster is going
                return

    def _fill(self, feed: TaskFeed) -> None:
        now = time.monotonic()
        if now - self._counted_at > _COUNT_EVERY_S and self._client.status == "running":
            n_threads = sum(self._client.nthreads().values())
            self._n_most, self._counted_at = max(_LEAST_UNDER_WAY, n_threads * _UNDER_WAY_PER_THREAD), now
        while len(self._futures) < self._n_most and (task := feed.next()) is not None:
            self._submit(task, 0)

    def _submit(self, task: Task, attempt: int) -> None:
        key = f"{self._name}-{task.level}-{task.index}-{self._token}-{attempt}"
        # Coarse blocks first: what they show is still in the caches.
        how: dict[str, Any] = {"key": key, "pure": False, "retries": _RETRIES, "priority": task.level}
        future = self._client.submit(_make, self._name, task.level, task.index, **how)
        self._futures[key] = (future, task, attempt)
        future.add_done_callback(lambda ended: self._ended.put(ended.key))

    def _result(self, key: str) -> Entry | None:
        """Return what a task that ended has made; None if it is tried again."""
        from distributed import KilledWorker  # noqa: PLC0415

        found = self._futures.pop(key, None)
        if found is None:
            return None
        future, task, attempt = found
        if future.status == "finished":
            made = future.result()
            if isinstance(made, str):
                raise InputError(made)
            return made
        if future.status == "error":
            error = future.exception()
            if not isinstance(error, KilledWorker):
                raise error
        if attempt + 1 == _ATTEMPTS:
            raise InputError(
                f"block {task.index} of level {task.level} was given up: each worker that made it died; "
                "their logs say why (often too little memory)"
            )
        self._submit(task, attempt + 1)
        return None

    def _still_there(self, silent_since: float | None) -> float | None:
        """Return since when the scheduler has been silent, None while it is there."""
        if self._client.status == "running":
            return None
        since = silent_since or time.monotonic()
        if self._client.status == "closed" or time.monotonic() - since > _PATIENCE_S:
            raise InputError("the Dask scheduler is gone; start it again, and give the same command")
        return since


@dataclass
class _Sent(WorkerPlugin):  # type: ignore[misc, unused-ignore]
    """The job on a worker: its model, once for all threads, made ready by the first task."""

    job: BlockJob
    open_stack: Callable[[], Volume]
    device: Literal["auto", "cpu", "cuda", "mps"]
    is_own: bool

    def __post_init__(self) -> None:
        """Leave the voxels at home; the worker opens the stack for itself."""
        volume = self.job.volume
        self.version, self.fingerprint, self.stack = __version__, fingerprint(volume), volume.name
        self.job = self.job.on(replace(volume, data=_AtHome(volume.shape_zyx, volume.dtype)))
        self._worker: BlockWorker | None = None

    def setup(self, worker: Worker) -> None:
        self._address, self._ready = worker.address, threading.Lock()
        if self.is_own and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def make(self, task: Task) -> Entry:
        with self._ready:
            if self._worker is None:
                self._worker = self._prepared()
        return self._worker.make(task)

    def _prepared(self) -> BlockWorker:
        import torch  # noqa: PLC0415

        from napari_em_autoclass.core.device import choose_device  # noqa: PLC0415

        # Workers with several threads make a block in each; numerics with threads of their own would be in the way.
        n_slots = get_worker().state.nthreads
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")) if n_slots == 1 else 1)
        if self.version != __version__:
            raise InputError(f"it has napari-em-autoclass {__version__}, not {self.version}; install the same version")
        volume = self.open_stack()
        if fingerprint(volume) != self.fingerprint:
            raise InputError(f"{self.stack} is another stack there")
        job = self.job.on(volume)
        classifier: Any = job.predictor.classifier
        classifier.to(choose_device(self.device).name)
        return BlockWorker(job)


@dataclass(frozen=True, slots=True)
class _AtHome:
    """Stands for the voxels on their way to a worker, which opens the stack for itself."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __getitem__(self, key: Any) -> Any:
        raise RuntimeError("the stack was not opened")


def _make(name: str, level: int, index: int) -> Entry | str:
    """Make a block on this worker; return what the user can mend as a sentence, so that it is not tried again."""
    worker = get_worker()
    plugin = worker.plugins.get(name)
    if not isinstance(plugin, _Sent):
        raise RuntimeError(f"the job {name} has not come to {worker.address}")
    try:
        return plugin.make(Task(level, index))
    except InputError as error:
        return f"{error} (on worker {worker.address})"
