"""``em-autoclass export-model``: what a run learned, as a file that other programs run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_em_autoclass.cli.options import JsonOption, RunArgument
from napari_em_autoclass.core.errors import InputError

__all__ = ["export_model"]

_ZOO = "For a package of the BioImage Model Zoo"


def export_model(
    run: RunArgument,
    *,
    out: Annotated[
        Path,
        typer.Option(
            metavar="MODEL",
            help="A name ending in .onnx, .pt (TorchScript) or .zip (a package of the BioImage Model Zoo).",
        ),
    ],
    merged: Annotated[
        bool,
        typer.Option("--merged", help="Classes as shown: merged ones summed, split ones in parts.", show_default=False),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace MODEL when the new one is complete.")] = False,
    as_json: JsonOption = False,
    author: Annotated[
        list[str] | None,
        typer.Option("--author", metavar="NAME", help="Who trained it; may be repeated.", rich_help_panel=_ZOO),
    ] = None,
    licence: Annotated[
        str,
        typer.Option(metavar="ID", help="Under which others may use it: an SPDX id.", rich_help_panel=_ZOO),
    ] = "",
    name: Annotated[
        str,
        typer.Option(
            metavar="TEXT", help="What the zoo shows: letters, digits, blanks and _+-().", rich_help_panel=_ZOO
        ),
    ] = "",
    cite: Annotated[
        list[str] | None,
        typer.Option("--cite", metavar="DOI", help="A paper to be cited; may be repeated.", rich_help_panel=_ZOO),
    ] = None,
) -> None:
    """Write the trained network of a run for other programs: grey values in, probabilities of the classes out.

    Normalisation, binning and filters are inside. The file says which voxel size it is for, how much of the border to
    crop, and what the classes are called. It is run once and compared with the run before it is yours.

    $ em-autoclass export-model my-run --out classifier.onnx

    $ em-autoclass export-model my-run --out mito.zip --merged --author "Ada Lovelace" --licence CC-BY-4.0
    """
    is_package = out.suffix == ".zip"
    if not is_package and (author or licence or name or cite):
        raise InputError("--author, --licence, --name and --cite belong to a package; let --out end in .zip")
    if out.exists() and not overwrite:
        raise InputError(f"{out}: exists already; choose another --out, or replace it by --overwrite")
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.exported_model import ExportedModel, check_can_leave
    from napari_em_autoclass.io.export_model import model_facts, write_model
    from napari_em_autoclass.io.model_package import About, write_package

    folder = RunFolder.open(run)
    check_can_leave(folder.settings)  # before its weights are looked for
    exported = ExportedModel(folder.model(), folder.volume.voxel_size_nm, folder.history.present, merged)
    facts = model_facts(folder, exported)
    if is_package:
        about = About(tuple(author or ()), licence, name, tuple(cite or ()))
        difference = write_package(out, exported, facts, about, overwrite)
    else:
        difference = write_model(out, exported, facts, overwrite)
    _say(out, facts, difference, as_json)


def _say(out: Path, facts: dict[str, Any], difference: float, as_json: bool) -> None:
    from napari_em_autoclass.cli.progress import print_json

    if as_json:
        print_json({"path": str(out), "largest_difference": difference, **facts})
        return
    sizes = {key: " x ".join(f"{size:g}" for size in facts[key]) for key in ("voxel_size_nm", "halo_px", "step_px")}
    typer.echo(f"{out}: grey values in, probabilities of {len(facts['classes'])} classes out")
    typer.echo(f"  for voxels of {sizes['voxel_size_nm']} nm; sides in steps of {sizes['step_px']} pixels")
    typer.echo(f"  crop {sizes['halo_px']} pixels at each end; answers as the run does, to {difference:.0e}")
