"""The way to a worker: a process of our own on this computer, or a scheduler at an address."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from napari_em_autoclass.core.elsewhere import worker_side
from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Client

    from napari_em_autoclass.core.elsewhere.order import TrainingInfo

__all__ = ["Cluster", "WorkerLost", "connect", "own_process"]

_CONNECT_S: Final = 10.0
_LOOK_EVERY_S: Final = 1.0
_ATTEMPTS: Final = 5


class WorkerLost(InputError):
    """The worker, or the way to it, is gone; what it saved is there."""


@dataclass
class Cluster:
    """A connection to a Dask scheduler.

    Parameters
    ----------
    client : connected
    name : what to call the place in a sentence
    is_own : whether scheduler and worker were started by us, and end with the connection
    closing : called to end what was started, the last first
    """

    client: Client
    name: str
    is_own: bool = False
    closing: list[Callable[[], object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Keep threads for questions: one may wait for events while another carries a wish."""
        self._pool = ThreadPoolExecutor(4, "em-autoclass")

    def workers(self) -> dict[str, int]:
        """Return the addresses of the workers, each with its number of threads.

        Raises
        ------
        WorkerLost
            If the scheduler does not answer.
        """
        asked = self._pool.submit(self.client.nthreads)
        try:
            return dict(asked.result(timeout=_CONNECT_S))
        except Exception as error:  # of the connection, in several kinds
            raise WorkerLost(f"the connection to {self.name} was lost") from error

    def ask(self, worker: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what `function` returns on a worker's event loop; it must be idempotent.

        Raises
        ------
        WorkerLost
            If the worker is not there any more, or does not answer.
        """
        for _ in range(_ATTEMPTS):
            asked = self._pool.submit(self.client.run, function, *arguments, workers=[worker])
            while not asked.done():
                with contextlib.suppress(TimeoutError):
                    asked.exception(timeout=_LOOK_EVERY_S)
                if not asked.done() and worker not in self.workers():
                    # It can't be called off: Dask goes on trying to reach the worker for half a minute.
                    raise self._lost(worker)
            if not isinstance(asked.exception(), OSError | KeyError | ValueError):
                return asked.result()[worker]
            if worker not in self.workers():
                raise self._lost(worker) from asked.exception()
        raise WorkerLost(f"the worker {worker} of {self.name} does not answer") from asked.exception()

    def choose_worker(self, device: str) -> tuple[str, dict[str, float]]:
        """Return the least busy worker to train on, and which of its resources the training takes.

        Workers that declare a resource "GPU" are preferred, and lend one, unless the processor is asked for.

        Raises
        ------
        InputError
            If there is no worker, or none with this package.
        """
        known = self.client.scheduler_info(n_workers=-1)["workers"]
        if not known:
            raise InputError(f"{self.name} has no workers; start one there with `dask worker ADDRESS`")
        resources = {address: worker.get("resources") or {} for address, worker in known.items()}
        gpus = [address for address in known if resources[address].get("GPU", 0) >= 1 and device != "cpu"]
        busy = self.client.processing()
        chosen = min(gpus or known, key=lambda address: len(busy.get(address, ())))
        self._refuse_other_versions(chosen)
        return chosen, {"GPU": 1} if gpus else {}

    def trainings(self) -> list[TrainingInfo]:
        """Return the trainings that its workers have.

        Raises
        ------
        InputError
            If no worker has this package.
        """
        found = []
        for worker in self.workers():
            self._refuse_other_versions(worker)
            found += self.ask(worker, worker_side.infos)
        return found

    def close(self) -> None:
        """Hang up; a process of our own ends."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for close in reversed(self.closing):
            with contextlib.suppress(Exception):  # what is gone already need not be closed
                close()
        self.closing.clear()

    def _lost(self, worker: str) -> WorkerLost:
        if self.is_own:
            return WorkerLost("the process that was learning died (a crash, or too little memory)")
        return WorkerLost(f"the worker {worker} of {self.name} is gone")

    def _refuse_other_versions(self, worker: str) -> None:
        ours = worker_side.version()
        try:
            theirs = self.ask(worker, worker_side.version)
        except WorkerLost:
            raise
        except Exception as error:  # what can't be imported there comes back as a plain one
            raise InputError(
                f"the worker {worker} has no napari-em-autoclass (or an older one); install {ours} there"
            ) from error
        if theirs != ours:
            raise InputError(f"the worker {worker} has napari-em-autoclass {theirs}, this is {ours}; install the same")


def connect(address: str) -> Cluster:
    """Return the cluster of the scheduler at `address`, ``tcp://host:8786`` or ``tls://host:8786``.

    Certificates for TLS are taken from Dask's own configuration.

    Raises
    ------
    InputError
        If nobody answers there, or TLS is asked for without certificates.
    """
    from distributed import Client  # noqa: PLC0415

    try:
        client = Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise InputError(
            f"no Dask scheduler can be reached at {address} ({_first_line(error)}); "
            "check the address, and for tls:// the certificates"
        ) from error
    return Cluster(client, address, closing=[client.close])


def own_process() -> Cluster:
    """Return a cluster of one worker in a process of its own, which may crash without us.

    It listens on this computer alone; where the package `cryptography` is installed, behind a certificate made for
    this once, so that no other user of the computer can reach it.
    """
    import dask  # noqa: PLC0415
    from distributed import Client, LocalCluster, Security  # noqa: PLC0415

    try:
        security, protocol = Security.temporary(), "tls://"
    except ImportError:
        security, protocol = None, "tcp://"
    # Dask gives its workers one thread each for numerics; this one has the computer to itself.
    quiet: dict[str, Any] = {"distributed.nanny.pre-spawn-environ": {}, "distributed.scheduler.http.routes": []}
    with dask.config.set(quiet):
        cluster = LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            processes=True,
            memory_limit=None,
            host="127.0.0.1",
            protocol=protocol,
            security=security,
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address=None,
            # What killed the worker once would do so again.
            scheduler_kwargs={"allowed_failures": 0},
            silence_logs=50,
        )
    client = Client(cluster, set_as_default=False)
    return Cluster(client, "this computer", is_own=True, closing=[lambda: cluster.close(timeout=5), client.close])


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:120] if lines else type(error).__name__
