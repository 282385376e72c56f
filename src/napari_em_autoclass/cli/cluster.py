"""Options that say which processes make the blocks of a class map: this one, some of this computer, or a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_em_autoclass.cli.options import StackRequest
from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from distributed import Client

    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.io.block_work import Executor

__all__ = [
    "Crew",
    "SchedulerOption",
    "ThreadsPerWorkerOption",
    "TlsCaOption",
    "TlsCertOption",
    "TlsKeyOption",
    "WorkersOption",
    "anywhere",
]

_PANEL = "On several processes"
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="A Dask cluster you trust, e.g. tcp://host:8786; its workers need the stack and OUT on a shared disk.",
        rich_help_panel=_PANEL,
    ),
]
WorkersOption = Annotated[
    int | None, typer.Option(help="Processes of this computer to start.", min=1, rich_help_panel=_PANEL)
]
ThreadsPerWorkerOption = Annotated[
    int | None,
    typer.Option(help="Threads of each of them.", min=1, show_default="processors / workers", rich_help_panel=_PANEL),
]
TlsCaOption = Annotated[
    Path | None,
    typer.Option(
        "--tls-ca",
        metavar="PEM",
        help="For tls:// addresses: who signed the certificates.",
        show_default="Dask's configuration",
        rich_help_panel=_PANEL,
    ),
]
TlsCertOption = Annotated[
    Path | None, typer.Option("--tls-cert", metavar="PEM", help="Our certificate.", rich_help_panel=_PANEL)
]
TlsKeyOption = Annotated[
    Path | None, typer.Option("--tls-key", metavar="PEM", help="Its private key.", rich_help_panel=_PANEL)
]


@dataclass(frozen=True, slots=True)
class Crew:
    """Who makes the blocks; by default this process alone.

    Raises
    ------
    InputError
        If the options contradict each other.
    """

    scheduler: str | None = None
    workers: int | None = None
    threads_per_worker: int | None = None
    tls: tuple[Path | None, Path | None, Path | None] = field(default=(None, None, None))

    def __post_init__(self) -> None:
        """Check at the door, once."""
        if self.scheduler is not None and self.workers is not None:
            raise InputError("give either --scheduler or --workers, not both")
        if self.threads_per_worker is not None and self.workers is None:
            raise InputError("--threads-per-worker needs --workers; for this process give --threads")
        if any(self.tls) and self.scheduler is None:
            raise InputError("--tls-ca, --tls-cert and --tls-key are for a --scheduler at a tls:// address")

    @property
    def is_elsewhere(self) -> bool:
        """Whether other processes make the blocks."""
        return self.scheduler is not None or self.workers is not None

    @contextmanager
    def executor(
        self, request: StackRequest | None, settings: RunSettings, between: Callable[[], None]
    ) -> Iterator[Executor]:
        """Give what makes the blocks.

        Parameters
        ----------
        request : how the stack is opened; None if only this process can
        settings : of the run, for the device
        between : called often; may raise to end early

        Raises
        ------
        InputError
            If the cluster can't be reached.
        """
        if not self.is_elsewhere or request is None:
            from napari_em_autoclass.io.block_work import InThisProcess

            yield InThisProcess(between)
            return
        from napari_em_autoclass.io.dask_predict import OnDask

        with self._client() as client:
            own = self.workers is not None
            yield OnDask(client, anywhere(request).open, device=settings.device, between=between, is_own=own)

    @contextmanager
    def _client(self) -> Iterator[Client]:
        from napari_em_autoclass.io.cluster import Tls, available_processors, connected, own_workers

        if self.scheduler is not None:
            with connected(self.scheduler, Tls(*self.tls)) as client:
                if not client.nthreads():
                    typer.echo(f"{self.scheduler} has no workers yet; waiting for them", err=True)
                yield client
            return
        n_workers = self.workers or 1
        threads = self.threads_per_worker or max(1, available_processors() // n_workers)
        with own_workers(n_workers, threads) as client:
            yield client


def anywhere(request: StackRequest) -> StackRequest:
    """Return the request with a path that means the same in another process."""
    if "://" in request.path:
        return request
    return replace(request, path=str(Path(request.path).expanduser().absolute()))
