"""``em-autoclass predict``: the class map of a whole stack, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from napari_em_autoclass.cli.cluster import (
    Crew,
    SchedulerOption,
    ThreadsPerWorkerOption,
    TlsCaOption,
    TlsCertOption,
    TlsKeyOption,
    WorkersOption,
)
from napari_em_autoclass.cli.exits import Interrupted
from napari_em_autoclass.cli.options import (
    AxesOption,
    DatasetOption,
    DeviceOption,
    JsonOption,
    LevelOption,
    RoiOption,
    RunArgument,
    StackRequest,
    ThreadsOption,
    VolumeArgument,
    VoxelSizeOption,
    level_fit,
)
from napari_em_autoclass.cli.signals import calling_on_signals
from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.class_map import ClassMap
    from napari_em_autoclass.core.model import Model
    from napari_em_autoclass.core.volume import Box, Volume
    from napari_em_autoclass.io.block_work import Executor
    from napari_em_autoclass.io.predict_map import Made, MapOrder

__all__ = ["Writing", "model_of", "predict", "using_threads", "write_classes"]


def predict(
    run: RunArgument,
    volume: VolumeArgument,
    *,
    out: Annotated[
        Path,
        typer.Option(metavar="CLASSES", help="The class map: a name ending in .ome.zarr, .ome.tif or .precomputed."),
    ],
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Write the probability of each class too (OME-Zarr only).")
    ] = False,
    merged: Annotated[
        bool, typer.Option("--merged", help="Write merged classes as one, under its smallest id.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace CLASSES when the new map is complete.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew, instead of going on where an earlier attempt ended.")
    ] = False,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Leave 0 where the stack can't be read, and say where.")
    ] = False,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    voxel_size: VoxelSizeOption = None,
    roi: RoiOption = None,
    dataset: DatasetOption = None,
    level: LevelOption = None,
    axes: AxesOption = None,
    as_json: JsonOption = False,
    scheduler: SchedulerOption = None,
    workers: WorkersOption = None,
    threads_per_worker: ThreadsPerWorkerOption = None,
    tls_ca: TlsCaOption = None,
    tls_cert: TlsCertOption = None,
    tls_key: TlsKeyOption = None,
) -> None:
    """Write the class map of a stack, on its own voxel grid.

    Voxels are uint8: ids 1 to K, 0 is "not classified". Names and colours are those of RUN. A large stack is read and
    written block by block, here or on a Dask cluster. Until the map is complete it grows in CLASSES.partial; after an
    interruption, a crash or an error the same command goes on from there.

    $ em-autoclass predict my-run stack.ome.tif --out classes.ome.zarr

    $ em-autoclass predict my-run another-stack.zarr --out classes.ome.tif --merged
    """
    from napari_em_autoclass.io.map_format import map_format
    from napari_em_autoclass.io.partial_output import PartialOutput

    map_format(out, probabilities=probabilities)
    PartialOutput.tidy(out)
    if out.exists() and not overwrite:
        raise InputError(f"{out}: exists already; choose another --out, or replace it by --overwrite")
    crew = Crew(scheduler, workers, threads_per_worker, (tls_ca, tls_cert, tls_key))
    from napari_em_autoclass.core.checkpoint import RunFolder

    folder = RunFolder.open(run)
    request = StackRequest(volume, voxel_size, dataset, level, axes, roi, level_fit(folder))
    stack = request.open()
    writing = Writing(probabilities, merged, overwrite, as_json, device, restart, skip_unreadable, crew, request)
    with using_threads(threads):
        write_classes(folder, stack, out, writing)
    _say_where(out, probabilities, as_json)


@dataclass(frozen=True, slots=True)
class Writing:
    """How a class map is to be made and written; None as device takes that of the run, `as_json` shows no bar.

    `crew` makes the blocks, and opens the stack by `request` where that is another process.
    """

    probabilities: bool = False
    merged: bool = False
    overwrite: bool = False
    as_json: bool = False
    device: str | None = None
    restart: bool = False
    skip_unreadable: bool = False
    crew: Crew = field(default_factory=Crew)
    request: StackRequest | None = None


def write_classes(folder: RunFolder, stack: Volume, out: Path, writing: Writing) -> None:
    """Predict `stack` with the run in `folder`, and write the class map to `out`, showing progress.

    Raises
    ------
    InputError
        If the stack can't be read, or the output not be written.
    Interrupted
        If the user, or the machine, asked to end; what is finished is kept.
    """
    from napari_em_autoclass.io.predict_map import MapOrder
    from napari_em_autoclass.io.run_export import RunExport

    settings = folder.settings.replace(device=writing.device or folder.settings.device)
    # Other processes choose for themselves.
    model = model_of(folder, "cpu" if writing.crew.is_elsewhere else writing.device)
    class_map = folder.history.present
    _warn_of_old_splits(class_map, model)
    export = RunExport(folder, stack, class_map, writing.merged, writing.probabilities)
    order = MapOrder(out, export, model, writing.overwrite, writing.restart, writing.skip_unreadable)
    asked_to_end = Event()

    def end_if_asked() -> None:
        if asked_to_end.is_set():
            raise KeyboardInterrupt

    with calling_on_signals(asked_to_end.set), writing.crew.executor(writing.request, settings, end_if_asked) as crew:
        unreadable = _made(order, crew, writing)
    if unreadable:
        _say_unreadable(unreadable, writing.as_json)


def _made(order: MapOrder, crew: Executor, writing: Writing) -> tuple[Box, ...]:
    """Make the map and return what could not be read."""
    from napari_em_autoclass.cli.block_progress import showing_blocks
    from napari_em_autoclass.io.predict_map import predict_map

    last: Made | None = None
    unreadable: list[Box] = []
    try:
        with closing(predict_map(order, crew)) as steps, showing_blocks(writing.as_json) as show:
            for last in steps:
                unreadable += last.unreadable
                show(last)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; {_kept(order, last) or 'nothing was written'}") from None
    except InputError as error:
        if kept := _kept(order, last):
            raise InputError(f"{error}; {kept}{'' if order.skip_unreadable else _or_skip(error)}") from error
        raise InputError(f"{error}{_or_skip(error)}") from error
    return tuple(unreadable)


def _kept(order: MapOrder, last: Made | None) -> str:
    """Return a sentence on what is kept of an attempt that ended early, "" if nothing is."""
    from napari_em_autoclass.io.partial_output import partial_path

    if last is None or not last.n_done:
        return ""
    kept = f"{last.n_done} of {last.n_blocks} blocks are kept in {partial_path(order.path)}"
    return f"{kept}, the same command goes on from there"


def _or_skip(error: InputError) -> str:
    return "; --skip-unreadable leaves it out" if "needed for section" in str(error) else ""


def _say_unreadable(boxes: tuple[Box, ...], as_json: bool) -> None:
    from napari_em_autoclass.cli.progress import print_json

    if as_json:
        print_json({"unreadable_zyx": [[[part.start, part.stop] for part in box.slices] for box in boxes]})
        return
    typer.echo(f"{len(boxes)} parts of the stack could not be read; they are 0, not classified:")
    for box in boxes:
        typer.echo(f"  sections {box.z0} to {box.z1 - 1}, y {box.y0}:{box.y1}, x {box.x0}:{box.x1}")


def model_of(folder: RunFolder, device: str | None) -> Model:
    """Return what the run in `folder` learned, on `device`; None takes that of the run.

    Raises
    ------
    InputError
        If the device is not offered or not there, or the run holds no weights.
    """
    from napari_em_autoclass.core.device import choose_device

    # A device that is not offered is refused by the settings, in words that name those that are.
    settings = folder.settings.replace(device=device or folder.settings.device)
    return folder.model(choose_device(settings.device).name)


def _warn_of_old_splits(class_map: ClassMap, model: Model) -> None:
    for split in class_map.splits:
        if split.made_with != model.weights:
            name = class_map.name_of(split.class_id)
            typer.echo(f"{name} was split before the run was trained on; it is written whole, split it again", err=True)


@contextmanager
def using_threads(wanted: int | None) -> Iterator[None]:
    """Let torch use so many threads, None for all, and as many as before afterwards."""
    import torch

    from napari_em_autoclass.core.device import processor_threads

    before = torch.get_num_threads()
    torch.set_num_threads(processor_threads(wanted))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _say_where(out: Path, probabilities: bool, as_json: bool) -> None:
    from napari_em_autoclass.cli.progress import print_json
    from napari_em_autoclass.io.export_zarr import probabilities_path

    places = {"classes": str(out), **({"probabilities": str(probabilities_path(out))} if probabilities else {})}
    if as_json:
        print_json(places)
        return
    for what, place in places.items():
        typer.echo(f"the {what} are in {place}")
