"""``em-autoclass phantom``: a made-up EM stack whose truth is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_em_autoclass.cli.organelle import names_file
from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from napari_em_autoclass.core.phantom import Phantom

__all__ = ["labels_beside", "phantom", "write_phantom"]

_MODES = "sstem (50 x 4 x 4 nm), fibsem (8 x 8 x 8 nm), or sbfsem (30 x 10 x 10 nm, a vertebrate's larger structures)."
_SHAPES = "30 512 512, fibsem 96 256 256, sbfsem 40 400 400"


def phantom(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The stack: a name ending in .ome.tif or .ome.zarr.")],
    *,
    mode: Annotated[str, typer.Option(help=_MODES)] = "sstem",
    shape: Annotated[
        tuple[int, int, int] | None,
        typer.Option(metavar="Z Y X", help="Voxels along each axis.", show_default=_SHAPES),
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same stack.")] = 0,
    labels: Annotated[
        Path | None, typer.Option(help="Where the truth goes.", show_default="beside OUT, X_labels.*")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
) -> None:
    """Make up a stack of neuropil that looks like EM, with the truth to the voxel.

    The truth goes to X_labels.* beside X.*, and what its numbers mean to X.json, where `score` finds it.

    $ em-autoclass phantom phantom.ome.tif

    $ em-autoclass phantom fib.ome.zarr --mode fibsem --shape 96 256 256 --seed 1
    """
    from napari_em_autoclass.core.phantom import make_phantom
    from napari_em_autoclass.io.stack_file import is_tiff_name

    labels = labels_beside(out) if labels is None else labels
    for path in (out, labels):
        is_tiff_name(path)
    for path in (out, labels, names_file(labels)):
        if path.exists() and not overwrite:
            raise InputError(f"{path}: exists already; choose another name, or replace it by --overwrite")
    made = make_phantom(shape, mode, seed)  # type: ignore[arg-type]  # it checks the mode itself
    write_phantom(made, out, labels, overwrite)
    typer.echo(f"the stack is in {out}, its truth in {labels}")


def write_phantom(made: Phantom, out: Path, labels: Path, overwrite: bool = False) -> None:
    """Write a phantom, its labels, and what the labels mean.

    Raises
    ------
    InputError
        If a file exists and may not be replaced, or can't be written.
    """
    from napari_em_autoclass.core.palette import default_colors
    from napari_em_autoclass.core.volume import Box
    from napari_em_autoclass.io.class_map_target import ClassMapTarget
    from napari_em_autoclass.io.export_tiff import write_class_map_tiff
    from napari_em_autoclass.io.export_zarr import write_class_map_zarr
    from napari_em_autoclass.io.output import new_output
    from napari_em_autoclass.io.stack_file import is_tiff_name, write_stack

    z, y, x = made.raw.shape
    about = {"phantom": made.mode, "seed": made.seed, "bad_sections": list(made.bad_sections)}
    count = max(made.class_names)
    colors = dict(enumerate(default_colors(count), start=1))
    target = ClassMapTarget((z, y, x), made.voxel_size_nm, count, made.class_names, colors, about, "truth")
    write_stack(out, made.raw, made.voxel_size_nm, overwrite)
    write_labels = write_class_map_tiff if is_tiff_name(labels) else write_class_map_zarr
    write_labels(labels, [(Box.whole((z, y, x)), made.labels)], target, overwrite)
    meaning = {
        **about,
        "voxel_size_nm": list(made.voxel_size_nm),
        "classes": {str(i): n for i, n in made.class_names.items()},
    }
    with new_output(names_file(labels), overwrite) as partial:
        partial.write_text(json.dumps(meaning, indent=1), encoding="utf-8")


def labels_beside(stack: Path) -> Path:
    """Return where the labels of `stack` go: ``a.ome.tif`` to ``a_labels.ome.tif``."""
    stem = stack.name
    for suffix in (".tif", ".tiff", ".zarr", ".ome"):
        stem = stem[: -len(suffix)] if stem.lower().endswith(suffix) else stem
    return stack.with_name(f"{stem}_labels{stack.name[len(stem) :]}")
