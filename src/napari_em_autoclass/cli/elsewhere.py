"""Training in another process: options of ``train``, ``em-autoclass attach``, and what ``torchrun`` starts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_em_autoclass.cli.exits import Interrupted
from napari_em_autoclass.cli.options import JsonOption, StackRequest
from napari_em_autoclass.cli.signals import calling_on_signals
from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from napari_em_autoclass.core.elsewhere import RemoteTrainer, TrainingInfo
    from napari_em_autoclass.core.place import Place
    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.volume import Volume

__all__ = [
    "KeepGoingOption",
    "OwnProcessOption",
    "SchedulerOption",
    "attach",
    "followed",
    "leading",
    "open_there",
    "place_of",
]

_WHERE = "Where to train"
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="On a worker of this Dask cluster, e.g. tcp://gpu-box:8786; only one that you trust.",
        rich_help_panel=_WHERE,
    ),
]
OwnProcessOption = Annotated[
    bool,
    typer.Option(
        "--own-process/--in-process",
        help="In a process of its own, whose crash is said in one line, or in this one.",
        rich_help_panel=_WHERE,
    ),
]
KeepGoingOption = Annotated[
    bool,
    typer.Option(
        "--keep-going", help="With --scheduler: Ctrl-C leaves it, and it goes on there.", rich_help_panel=_WHERE
    ),
]


def place_of(scheduler: str | None, own_process: bool, keep_going: bool) -> Place:
    """Return where to train.

    Raises
    ------
    InputError
        If the options contradict each other.
    """
    from napari_em_autoclass.core.place import Place

    if scheduler is not None and own_process:
        raise InputError("give either --scheduler or --own-process, not both")
    if keep_going and scheduler is None:
        raise InputError("--keep-going needs --scheduler: what runs here ends with this command")
    if scheduler is not None:
        return Place("cluster", scheduler, keep_going)
    return Place("own process" if own_process else "here")


def open_there(
    place: Place, request: StackRequest, stack: Volume, run: tuple[RunSettings, Path, bool]
) -> RemoteTrainer:
    """Return the trainer of a run at `place`; the worker opens the stack as it was asked for here.

    Parameters
    ----------
    place, request, stack : where, and what from
    run : its settings, its folder, and whether it is to be resumed

    Raises
    ------
    InputError
        If the place can't be reached, or the folder holds a run already.
    """
    from dataclasses import replace

    from napari_em_autoclass.io.elsewhere import RunRequest, open_elsewhere

    path = Path(request.path).expanduser()
    there = request if "://" in request.path else replace(request, path=str(path.absolute()))
    return open_elsewhere(place, stack, RunRequest(*run), there.open)


def attach(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Of the Dask scheduler, e.g. tcp://gpu-box:8786.")],
    run_id: Annotated[str | None, typer.Argument(metavar="ID", help="Which training to follow.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Folder to keep the run in here.", show_default="where it was ordered"),
    ] = None,
    stop: Annotated[bool, typer.Option("--stop", help="End the training, and fetch what it learned.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the trainings of a Dask cluster, or follow one of them.

    A training begun by `train --scheduler ADDRESS --keep-going`, or in the dock, goes on when nobody follows it.
    Ctrl-C leaves it; --stop ends it.

    $ em-autoclass attach tcp://gpu-box:8786

    $ em-autoclass attach tcp://gpu-box:8786 3f2a --out my-run
    """
    from napari_em_autoclass.cli.progress import print_json
    from napari_em_autoclass.io import elsewhere

    if run_id is None:
        infos = elsewhere.running_at(address)
        for info in infos:
            print_json(_row(info)) if as_json else typer.echo(_line(info))
        if not infos and not as_json:
            typer.echo(f"no training at {address}")
        return
    trainer = elsewhere.attach(address, run_id, out)
    _follow(trainer, ends=stop, as_json=as_json)


def followed(request: StackRequest) -> bool:
    """Train as one of several processes that ``torchrun`` started, unless this is the one that leads, or the only one.

    Raises
    ------
    InputError
        If the stack can't be read here, or there are fewer GPUs than processes.
    """
    import os

    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return False
    from napari_em_autoclass.core.leading import follow
    from napari_em_autoclass.core.ranks import join, part

    ranks = join()
    if ranks.leads:
        return False
    settings = ranks.from_leader(None)
    with calling_on_signals(lambda: None):  # the leading process says when to end
        follow(request.open(), settings)
        part()
    return True


@contextmanager
def leading(settings: RunSettings) -> Iterator[None]:
    """Let the other processes that ``torchrun`` started do what the trainer in this block does."""
    from napari_em_autoclass.core.leading import dismiss
    from napari_em_autoclass.core.ranks import part, present_ranks

    ranks = present_ranks()
    ranks.from_leader(settings)
    try:
        yield
    except (InputError, FloatingPointError, Interrupted):
        dismiss(ranks)  # any other error leaves them in the middle of a step, to be ended by torchrun
        part()
        raise
    dismiss(ranks)
    part()


def _follow(trainer: RemoteTrainer, *, ends: bool, as_json: bool) -> None:
    from napari_em_autoclass.cli.progress import showing_events

    if ends:
        trainer.stop()
    left = False

    def leave() -> None:
        nonlocal left
        left = True
        trainer.leave()

    with showing_events(as_json) as show, calling_on_signals(leave), closing(trainer.events()) as events:
        for event in events:
            show(event)
    if left:
        raise Interrupted("left the training, which goes on; follow it again by em-autoclass attach")
    if not as_json:
        typer.echo(f"the run is in {trainer.run_dir}")


def _line(info: TrainingInfo) -> str:
    how = f"{info.state}, {info.fraction:.0%} (step {info.step})"
    return f"{info.run_id}  {info.volume_name}  {how}  on {info.worker}  ordered for {info.run_dir}"


def _row(info: TrainingInfo) -> dict[str, object]:
    names = ("run_id", "volume_name", "state", "step", "fraction", "worker", "run_dir", "keeps_going")
    return {name: getattr(info, name) for name in names}
