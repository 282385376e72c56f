"""``em-autoclass asem``: classes as organelles, in the layout of ASEM and incasem."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_em_autoclass.cli.options import JsonOption, VoxelSizeOption, parse_ids
from napari_em_autoclass.core.errors import InputError

__all__ = ["asem"]


def asem(
    classes: Annotated[str, typer.Argument(metavar="CLASSES", help="A class map, (Z, Y, X) integers.")],
    store: Annotated[
        Path, typer.Argument(metavar="STORE", help="A Zarr store, new or with volumes/raw and labels in it.")
    ],
    *,
    organelle: Annotated[
        list[str] | None,
        typer.Option(
            "--organelle",
            metavar="NAME=ID,ID",
            help="An organelle and its classes; give it several times.",
            show_default="every class with a name",
        ),
    ] = None,
    offset: Annotated[tuple[float, float, float], typer.Option(metavar="Z Y X", help="Of the first voxel, in nm.")] = (
        0.0,
        0.0,
        0.0,
    ),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace predictions of the same name.")] = False,
    voxel_size: VoxelSizeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write classes as predictions that the programs of ASEM and incasem read.

    Each organelle becomes volumes/predictions/NAME: 0 and 1, with resolution and offset in nm. What else is in STORE
    stays as it is. Such a store opens as a stack, and `score --organelle` takes its labels.

    $ em-autoclass asem classes.ome.zarr cell.zarr --organelle mito=3,7 --organelle er=5
    """
    from napari_em_autoclass.cli.progress import print_json
    from napari_em_autoclass.io.derived_map import open_source_map
    from napari_em_autoclass.io.export_asem import AsemTarget, write_asem

    source = open_source_map(classes, voxel_size)
    wanted = dict(_organelle(text) for text in organelle or ()) or _named(source.info.names)
    if not wanted:
        raise InputError("no class has a name; say what to write, e.g. --organelle mito=3,7")
    unknown = {k for ids in wanted.values() for k in ids} - set(range(1, source.n_classes + 1))
    if unknown:
        raise InputError(f"classes {sorted(unknown)} are not in the map; its ids are 1 to {source.n_classes}")
    target = AsemTarget(source.voxel_size_nm, offset, {"from": classes, **source.info.provenance})
    written = write_asem(store, source.classes.data, wanted, target, overwrite)
    if as_json:
        print_json({name: str(place) for name, place in zip(wanted, written, strict=True)})
        return
    for name, place in zip(wanted, written, strict=True):
        typer.echo(f"{name:16}{place}")


def _organelle(text: str) -> tuple[str, tuple[int, ...]]:
    name, equals, ids = text.partition("=")
    if not equals:
        raise InputError(f"--organelle {text!r} names no classes; write e.g. mito=3,7")
    return name.strip(), parse_ids(ids)


def _named(names: dict[int, str]) -> dict[str, tuple[int, ...]]:
    """Return the classes that somebody named, those of one name together."""
    found: dict[str, tuple[int, ...]] = {}
    for class_id, name in sorted(names.items()):
        if class_id > 0 and name != f"class {class_id}":
            found[name] = (*found.get(name, ()), class_id)
    return found
