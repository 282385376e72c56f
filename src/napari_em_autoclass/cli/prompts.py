"""``em-autoclass prompts``: where the pieces of a class are, for tools that ask where to look."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_em_autoclass.cli.options import JsonOption, parse_ids
from napari_em_autoclass.core.errors import InputError

__all__ = ["prompts"]


def prompts(
    classes: Annotated[str, typer.Argument(metavar="CLASSES", help="A class map, (Z, Y, X) integers.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The prompts: a name ending in .csv or .json.")],
    *,
    of: Annotated[str, typer.Option("--classes", metavar="ID,ID", help="Which classes; several are taken as one.")],
    in_3d: Annotated[
        bool,
        typer.Option("--in-3d", help="One prompt a piece that goes through sections; needs memory."),
    ] = False,
    least: Annotated[
        int, typer.Option(metavar="N", help="Leave out pieces of fewer pixels (voxels in 3D).", min=1)
    ] = 25,
    napari: Annotated[
        bool, typer.Option("--napari", help="Also write them as points and boxes that napari opens.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a point inside and a box around each piece of a class.

    SAM, micro-sam and others cut an object out once they are told where it is. A prompt is a row: point z, y, x, and
    box from z0, y0, x0 up to but without z1, y1, x1, in voxels. In JSON it also stands as SAM takes it, x before y.
    The masks they make come back by `em-autoclass refine --masks`.

    $ em-autoclass prompts classes.ome.zarr mitochondria.json --classes 3,7

    $ em-autoclass prompts classes.ome.zarr mitochondria.csv --classes 3 --in-3d --napari
    """
    if out.suffix.lower() not in (".csv", ".json"):
        raise InputError(f"{out}: prompts are written as .csv or .json; choose such a name")
    if out.exists() and not overwrite:
        raise InputError(f"{out}: exists already; choose another OUT, or replace it by --overwrite")
    from napari_em_autoclass.cli.progress import print_json
    from napari_em_autoclass.core.refinement.prompts import prompts_in_3d, prompts_in_sections
    from napari_em_autoclass.io.class_map_file import read_class_map
    from napari_em_autoclass.io.prompt_file import prompt_rows, write_napari_prompts, write_prompts

    data, told = read_class_map(classes)
    ids = parse_ids(of)
    name = told.names.get(ids[0], f"class {ids[0]}")
    size = told.voxel_size_nm or (1.0, 1.0, 1.0)
    found = prompts_in_3d(data, ids, least, size) if in_3d else prompts_in_sections(data, ids, least)
    rows = prompt_rows(found, name)
    if not rows:
        raise InputError(f"{classes}: no piece of {least} pixels of class {of}; try others, or a smaller --least")
    places = [write_prompts(out, rows, overwrite)]
    if napari:
        places += write_napari_prompts(out, rows, overwrite)
    if as_json:
        print_json({"prompts": len(rows), "files": [str(place) for place in places]})
        return
    typer.echo(f"{len(rows)} prompts are in {', '.join(str(place) for place in places)}")
