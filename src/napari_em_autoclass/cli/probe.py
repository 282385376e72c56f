"""``em-autoclass probe``: paint some pixels, get a map of what was painted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.model import Model
    from napari_em_autoclass.core.probe import Probe
    from napari_em_autoclass.core.volume import Volume

__all__ = ["probe"]


def probe(
    run: RunArgument,
    volume: VolumeArgument,
    painted: Annotated[
        Path,
        typer.Argument(
            metavar="PAINTED",
            help="Labels on the grid of VOLUME, 0 where nothing is painted; or a probe.safetensors taught before.",
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The map: a name ending in .ome.zarr or .ome.tif.")],
    *,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT when the new map is complete.")] = False,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    voxel_size: VoxelSizeOption = None,
    roi: RoiOption = None,
    dataset: DatasetOption = None,
    level: LevelOption = None,
    axes: AxesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Teach what some painted pixels are, and write a map of it.

    RUN knows what pixels look like, from its training without labels; a few painted ones tell what they are called.
    Some dozens of each kind are a start; paint everything else as a kind too. Learning takes seconds; what was
    learned is kept as probe.safetensors in RUN, to be used on other stacks in place of PAINTED.

    $ em-autoclass probe my-run stack.ome.tif painted.tif organelles.ome.zarr

    $ em-autoclass probe my-run another-stack.zarr my-run/probe.safetensors organelles.ome.tif
    """
    if out.exists() and not overwrite:
        raise InputError(f"{out}: exists already; choose another OUT, or replace it by --overwrite")
    from napari_em_autoclass.cli.allocator import return_large_arrays
    from napari_em_autoclass.cli.predict import model_of, using_threads
    from napari_em_autoclass.core.checkpoint import RunFolder

    folder = RunFolder.open(run)
    stack = StackRequest(str(volume), voxel_size, dataset, level, axes, roi, level_fit(folder)).open()
    return_large_arrays()
    with using_threads(threads):
        model = model_of(folder, device)
        taught = _taught(folder, model, stack, painted, roi)
        _write(folder, (model, taught), stack, out, (overwrite, as_json))
    _say(taught, out, as_json)


def _taught(folder: RunFolder, model: Model, stack: Volume, painted: Path, roi: str | None) -> Probe:
    """Return the probe in `painted`, or learn it from the labels there and keep it beside the run."""
    from napari_em_autoclass.core.probe import fit_probe
    from napari_em_autoclass.io.class_map_file import read_class_map
    from napari_em_autoclass.io.probe_file import is_probe_file, load_probe, probe_path, save_probe

    if is_probe_file(painted):
        return load_probe(painted)
    labels, told = read_class_map(painted)
    if roi is not None:
        from napari_em_autoclass.core.volume import Box, Volume

        whole = Volume(labels, stack.voxel_size_nm, "painted")
        labels = whole.crop(Box.parse(roi, whole.shape_zyx)).data
    found = fit_probe(model, stack, labels)
    found = replace(found, names={kind: name for kind, name in told.names.items() if kind in found.ids})
    save_probe(probe_path(folder.path), found)
    return found


def _write(folder: RunFolder, taught: tuple[Model, Probe], stack: Volume, out: Path, how: tuple[bool, bool]) -> None:
    from napari_em_autoclass.cli.progress import watched
    from napari_em_autoclass.core.predict import n_blocks
    from napari_em_autoclass.core.probe import probe_blocks
    from napari_em_autoclass.io.class_map_target import Block
    from napari_em_autoclass.io.derived_map import probe_target, write_map

    (model, rule), (overwrite, quiet) = taught, how

    def blocks() -> Iterator[Block]:
        total = n_blocks(rule.model(model), stack)
        for block in watched(probe_blocks(rule, model, stack), total, "mapping", quiet):
            yield block.box, block.classes

    write_map(out, blocks(), probe_target(folder, rule, stack), overwrite)


def _say(taught: Probe, out: Path, as_json: bool) -> None:
    from napari_em_autoclass.cli.progress import print_json

    if as_json:
        print_json({"map": str(out), "kinds": list(taught.ids), **taught.facts})
        return
    for kind in taught.ids:
        used = taught.facts.get("painted", {}).get(str(kind))
        name = taught.names.get(kind, f"kind {kind}")
        typer.echo(f"{name:24}{'' if used is None else f'learned from {used} pixels'}")
    typer.echo(f"the map is in {out}")
