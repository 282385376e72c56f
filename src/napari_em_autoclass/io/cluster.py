"""A Dask cluster to work on: one that is there, or processes of this computer."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from distributed import Client, Security

__all__ = ["Tls", "connected", "own_workers"]

_PATIENCE: Final = "20 s"
_PROTOCOLS: Final = ("tcp", "tls", "ucx", "ws", "wss")


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM that let each end of a connection know the other; None takes those of Dask's configuration.

    Parameters
    ----------
    ca : the authority that signed all certificates of the cluster
    cert : the certificate of this end
    key : its private key
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    def security(self) -> Security | None:
        """Return it as Dask takes it.

        Raises
        ------
        InputError
            If only some of the files are given, or one is not there.
        """
        from distributed import Security  # noqa: PLC0415

        given = {"--tls-ca": self.ca, "--tls-cert": self.cert, "--tls-key": self.key}
        if not any(given.values()):
            return None
        for option, file in given.items():
            if file is None:
                raise InputError(f"TLS takes three files: {', '.join(given)}; {option} is missing")
            if not file.is_file():
                raise InputError(f"{option} {file}: no such file; check the path")
        files = {"tls_ca_file": str(self.ca), "tls_client_cert": str(self.cert), "tls_client_key": str(self.key)}
        return Security(require_encryption=True, **files)


@contextmanager
def connected(address: str, tls: Tls = Tls()) -> Iterator[Client]:
    """Give a client of the scheduler at `address`, e.g. ``tcp://host:8786`` or ``tls://host:8786``.

    Raises
    ------
    InputError
        If nobody answers there, or not with our certificates.
    """
    from distributed import Client  # noqa: PLC0415

    security = tls.security()
    if "://" in address and address.partition("://")[0] not in _PROTOCOLS:
        raise InputError(f"{address}: no Dask scheduler can be there; begin the address with tcp:// or tls://")
    if security is not None and not address.startswith("tls://"):
        raise InputError(f"{address}: certificates are for addresses that begin with tls://")
    try:
        client = Client(address, security=security, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise InputError(
            f"{address}: no Dask scheduler answers there ({_one_line(error)}); check the address"
        ) from error
    with client:
        yield client


@contextmanager
def own_workers(n_workers: int, threads_per_worker: int) -> Iterator[Client]:
    """Give a client of workers that are processes of this computer and end with the block.

    Each works on one block at a time with `threads_per_worker` threads of torch.  They listen on this computer alone,
    and where the package ``cryptography`` is installed, behind certificates made for the occasion: on a computer that
    others use too, nobody else can send them work.
    """
    import dask  # noqa: PLC0415
    from distributed import Client, LocalCluster, Security  # noqa: PLC0415

    secret = bool(find_spec("cryptography"))
    threads = {name: str(threads_per_worker) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    quiet: dict[str, Any] = {
        "distributed.nanny.pre-spawn-environ": threads,
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
    }
    with dask.config.set(quiet), _environment(threads):
        cluster = LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            processes=True,
            memory_limit=0,  # the memory of a block is bounded by us; Dask would pause or end a worker near its share
            host="127.0.0.1",
            protocol="tls://" if secret else "tcp://",
            security=Security.temporary() if secret else None,
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address=None,
            silence_logs=50,
        )
        with cluster, Client(cluster, set_as_default=False) as client:
            yield client


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """Have these in the environment within the block.

    What is there comes before what a cluster is told for its workers, and Dask puts that there itself for each worker
    it starts and never takes it away: the next cluster of this process got the threads of the first.
    """
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def available_processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _one_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:160] if lines else type(error).__name__
