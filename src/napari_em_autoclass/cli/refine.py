"""``em-autoclass refine``: smooth a class map, drop crumbs, let masks vote, group classes, number objects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_em_autoclass.cli.options import JsonOption, VoxelSizeOption, parse_ids
from napari_em_autoclass.core.errors import InputError

__all__ = ["refine"]

_STEPS = "One of these"
_DETAILS = "Details"


def refine(
    classes: Annotated[str, typer.Argument(metavar="CLASSES", help="A class map, (Z, Y, X) integers.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The result: a name ending in .ome.zarr or .ome.tif.")],
    *,
    smooth: Annotated[
        bool,
        typer.Option("--smooth", help="Remove grain inside structures, keep borders.", rich_help_panel=_STEPS),
    ] = False,
    least: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Give pieces of fewer than N pixels to what is around.", min=2, rich_help_panel=_STEPS
        ),
    ] = None,
    masks: Annotated[
        str | None,
        typer.Option(
            metavar="MASKS",
            help="Fill each mask with the class that holds most of it: labels of SAM, micro-sam or any tool.",
            rich_help_panel=_STEPS,
        ),
    ] = None,
    groups: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Merge classes that turn into each other along z into N groups.",
            min=2,
            rich_help_panel=_STEPS,
        ),
    ] = None,
    objects: Annotated[
        str | None,
        typer.Option(
            metavar="ID,ID", help="Number the single objects of these classes, taken as one.", rich_help_panel=_STEPS
        ),
    ] = None,
    volume: Annotated[
        str | None,
        typer.Option(metavar="VOLUME", help="With --smooth: the EM stack, to see borders.", rich_help_panel=_DETAILS),
    ] = None,
    strength: Annotated[
        float, typer.Option(help="With --smooth: how much neighbours count.", min=0.0, rich_help_panel=_DETAILS)
    ] = 3.0,
    per_section: Annotated[
        bool,
        typer.Option(
            "--per-section", help="With --masks: numbers begin anew in each section.", rich_help_panel=_DETAILS
        ),
    ] = False,
    cell: Annotated[
        int,
        typer.Option(help="With --objects: how fine necks are seen, pixels.", min=1, rich_help_panel=_DETAILS),
    ] = 8,
    neck: Annotated[
        float,
        typer.Option(
            help="With --objects: widest cut, as a share of the objects' width; 0 cuts nothing.",
            min=0.0,
            rich_help_panel=_DETAILS,
        ),
    ] = 0.7,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT when the new one is complete.")] = False,
    voxel_size: VoxelSizeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Refine a class map, one step a command.

    Probabilities beside CLASSES (`predict --probabilities`) are used where they help: by --smooth, --masks and
    --objects. Sections are done one after the other, so that a large map needs the memory of some sections.

    $ em-autoclass refine classes.ome.zarr smooth.ome.zarr --smooth --volume stack.ome.tif

    $ em-autoclass refine smooth.ome.zarr clean.ome.zarr --least 30

    $ em-autoclass refine classes.ome.zarr crisp.ome.zarr --masks sam-masks.tif

    $ em-autoclass refine classes.ome.zarr mitochondria.ome.tif --objects 3,7
    """
    asked = {"--smooth": smooth, "--least": least, "--masks": masks, "--groups": groups, "--objects": objects}
    chosen = [name for name, value in asked.items() if value not in (None, False)]
    if len(chosen) != 1:
        raise InputError(f"one step at a time: give one of {', '.join(asked)}; several commands make several steps")
    if smooth != (volume is not None):
        raise InputError("--smooth needs --volume, which shows where borders are, and no other step does")
    if out.exists() and not overwrite:
        raise InputError(f"{out}: exists already; choose another OUT, or replace it by --overwrite")
    from napari_em_autoclass.cli import refining
    from napari_em_autoclass.io.derived_map import open_source_map
    from napari_em_autoclass.io.stack_file import is_tiff_name

    is_tiff_name(out)
    source = open_source_map(classes, voxel_size)
    writing = refining.Writing(out, overwrite, as_json)
    if volume is not None:
        refining.smooth(source, volume, strength, writing)
    elif least is not None:
        refining.drop_small(source, least, writing)
    elif masks is not None:
        refining.vote(source, masks, per_section, writing)
    elif groups is not None:
        refining.group(source, groups, writing)
    elif objects is not None:
        refining.number_objects(source, parse_ids(objects), (cell, neck), writing)
    writing.say(chosen[0].removeprefix("--"))
