"""``em-autoclass predict``: the class map of a whole stack, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from napari_em_autoclass.cli.allocator import return_large_arrays
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
)
from napari_em_autoclass.cli.signals import calling_on_signals
from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.class_map import ClassMap
    from napari_em_autoclass.core.model import Model
    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.io.class_map_target import Block

__all__ = ["Writing", "model_of", "predict", "using_threads", "write_classes"]


def predict(
    run: RunArgument,
    volume: VolumeArgument,
    *,
    out: Annotated[
        Path, typer.Option(metavar="CLASSES", help="The class map: a name ending in .ome.zarr or .ome.tif.")
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
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    voxel_size: VoxelSizeOption = None,
    roi: RoiOption = None,
    dataset: DatasetOption = None,
    level: LevelOption = None,
    axes: AxesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the class map of a stack, on its own voxel grid.

    Voxels are uint8: ids 1 to K, 0 is "not classified". Names and colours are those of RUN. A large stack is read and
    written block by block.

    $ em-autoclass predict my-run stack.ome.tif --out classes.ome.zarr

    $ em-autoclass predict my-run another-stack.zarr --out classes.ome.tif --merged
    """
    from napari_em_autoclass.io.stack_file import is_tiff_name

    if is_tiff_name(out) and probabilities:
        raise InputError(f"{out}: probabilities are written as OME-Zarr only; choose a name ending in .ome.zarr")
    if out.exists() and not overwrite:
        raise InputError(f"{out}: exists already; choose another --out, or replace it by --overwrite")
    from napari_em_autoclass.core.checkpoint import RunFolder

    folder = RunFolder.open(run)
    stack = StackRequest(volume, voxel_size, dataset, level, axes, roi).open()
    return_large_arrays()
    with using_threads(threads):
        write_classes(folder, stack, out, Writing(probabilities, merged, overwrite, as_json, device))
    _say_where(out, probabilities, as_json)


@dataclass(frozen=True, slots=True)
class Writing:
    """How a class map is to be made and written; None as device takes that of the run, `quiet` shows no progress."""

    probabilities: bool = False
    merged: bool = False
    overwrite: bool = False
    quiet: bool = False
    device: str | None = None


def write_classes(folder: RunFolder, stack: Volume, out: Path, writing: Writing) -> None:
    """Predict `stack` with the run in `folder`, and write the class map to `out`, showing progress.

    Raises
    ------
    InputError
        If the stack can't be read, or the output not be written.
    """
    from napari_em_autoclass.cli.progress import watched
    from napari_em_autoclass.core.predict import n_blocks, predict_blocks
    from napari_em_autoclass.io.run_export import RunExport, write_run_map

    model = model_of(folder, writing.device)
    class_map = folder.history.present
    _warn_of_old_splits(class_map, model)
    total = n_blocks(model, stack, probabilities=writing.probabilities, splits=class_map.splits)
    found = predict_blocks(model, stack, probabilities=writing.probabilities, splits=class_map.splits)
    export = RunExport(folder, stack, class_map, writing.merged, writing.probabilities)
    asked_to_end = Event()
    with calling_on_signals(asked_to_end.set):
        blocks = export.shown(watched(found, total, "predicting", writing.quiet))
        write_run_map(out, _until_asked(blocks, asked_to_end), export, writing.overwrite)


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


def _until_asked(blocks: Iterator[Block], asked_to_end: Event) -> Iterator[Block]:
    """Yield `blocks`; raise KeyboardInterrupt between two of them, where no file is being written."""
    for block in blocks:
        if asked_to_end.is_set():
            raise KeyboardInterrupt
        yield block


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
