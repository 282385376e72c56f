"""``em-autoclass score``: how good a class map is, with labels or without."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_em_autoclass.cli.options import JsonOption, open_grey_values, parse_ids
from napari_em_autoclass.cli.organelle import label_names, names_file, organelle_figures
from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from napari_em_autoclass.core.volume import ArrayLike

_ORGANELLE = "One structure alone"

__all__ = ["label_names", "merged_miou_at", "names_file", "score", "scores_with_labels"]


def score(
    classes: Annotated[str, typer.Argument(metavar="CLASSES", help="A class map, (Z, Y, X) integers.")],
    labels: Annotated[
        str | None, typer.Argument(metavar="[LABELS]", help="Dense labels on the same grid; 0 is not scored.")
    ] = None,
    *,
    volume: Annotated[
        str | None, typer.Option(metavar="VOLUME", help="The EM stack; adds csev, which judges without labels.")
    ] = None,
    groups: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Merge the classes into N groups by their likeness, and score that too; needs LABELS and --volume.",
            min=3,
        ),
    ] = None,
    organelle: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Score one structure of LABELS alone, by name or number: F1 and its kin.",
            rich_help_panel=_ORGANELLE,
        ),
    ] = None,
    of: Annotated[
        str | None,
        typer.Option(
            "--classes",
            metavar="ID,ID",
            help="The classes that mean it.",
            show_default="chosen on the first half of the sections, scored on the second",
            rich_help_panel=_ORGANELLE,
        ),
    ] = None,
    border: Annotated[
        int,
        typer.Option(metavar="N", help="Voxels left out around its border.", min=0, rich_help_panel=_ORGANELLE),
    ] = 2,
    as_json: JsonOption = False,
) -> None:
    """Score a class map.

    With labels: how good a segmentation is one merge away? The mapping from classes to structures is fitted on the
    first half of the sections and scored on the second; merged_miou is the headline. Without: is the map alive, steady
    from section to section, and does it explain the image?

    $ em-autoclass score classes.ome.zarr labels.ome.tif

    $ em-autoclass score classes.ome.zarr --volume stack.ome.tif --json

    $ em-autoclass score classes.ome.zarr labels.ome.tif --volume stack.ome.tif --groups 5

    $ em-autoclass score classes.ome.zarr labels.ome.tif --organelle mitochondria --classes 3,7
    """
    from napari_em_autoclass.core.scores.label_free import score_without_labels
    from napari_em_autoclass.io.class_map_file import read_class_map

    if groups is not None and (labels is None or volume is None):
        raise InputError("--groups needs LABELS to score the groups, and --volume to find them")
    if organelle is not None or of is not None:
        if organelle is None or labels is None or volume is not None or groups is not None:
            raise InputError("--organelle needs LABELS, goes with --classes and --border, and with nothing else")
        _show(organelle_figures(classes, labels, organelle, None if of is None else parse_ids(of), border), as_json)
        return
    found, _ = read_class_map(classes)
    if labels is not None:
        figures = scores_with_labels(found, labels)
        if groups is not None and volume is not None:
            figures = {
                "merged_miou": figures["merged_miou"],
                f"merged_miou_at_{groups}_groups": merged_miou_at(groups, found, labels, open_grey_values(volume).data),
                **figures,
            }
        if volume is not None:
            figures["csev"] = score_without_labels(found, open_grey_values(volume).data)["csev"]
    else:
        figures = score_without_labels(found, None if volume is None else open_grey_values(volume).data)
    _show(figures, as_json)


def scores_with_labels(classes: ArrayLike, labels: str) -> dict[str, Any]:
    """Return the figures against the labels in a file, structures by name where it tells names.

    Raises
    ------
    InputError
        If the labels can't be read or don't fit.
    """
    from napari_em_autoclass.core.scores.labelled import score_with_labels
    from napari_em_autoclass.io.class_map_file import read_class_map

    truth, told = read_class_map(labels)
    figures = score_with_labels(classes, truth)
    names = {**told.names, **label_names(Path(labels))}
    for figure in ("iou", "rare_iou"):
        figures[figure] = {names.get(label, str(label)): value for label, value in figures[figure].items()}
    return figures


def merged_miou_at(n_groups: int, classes: ArrayLike, labels: str, volume: ArrayLike) -> float:
    """Return `merged_miou` of a class map that was merged into `n_groups` without a look at the labels in a file.

    Raises
    ------
    InputError
        If labels or volume can't be read or don't fit.
    """
    from napari_em_autoclass.core.class_relations import relations_of_map
    from napari_em_autoclass.core.merge_tree import MergeTree
    from napari_em_autoclass.core.scores.grouped import grouped_counts
    from napari_em_autoclass.core.scores.labelled import count_with_labels, score_counts
    from napari_em_autoclass.io.class_map_file import read_class_map

    counts = count_with_labels(classes, read_class_map(labels)[0])
    tree = MergeTree.of(relations_of_map(classes, volume, max(len(counts.usage) - 1, 1)))
    return float(score_counts(grouped_counts(counts, tree.cut(n_groups)))["merged_miou"])


def _show(figures: dict[str, Any], as_json: bool) -> None:
    from napari_em_autoclass.cli.progress import print_json

    if as_json:
        print_json(figures)
        return
    width = max(22, *(len(name) + 2 for name in figures))
    for name, value in figures.items():
        if not isinstance(value, dict):
            typer.echo(f"{name:{width}}{value if isinstance(value, str) else format(value, 'g')}")
            continue
        typer.echo(name)
        for structure, iou in value.items():
            typer.echo(f"  {structure:20}{iou:g}")
