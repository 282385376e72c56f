"""``em-autoclass score``: how good a class map is, with labels or without."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_em_autoclass.cli.options import JsonOption, StackRequest
from napari_em_autoclass.core.errors import InputError, MissingVoxelSize

if TYPE_CHECKING:
    from napari_em_autoclass.core.volume import ArrayLike

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
    as_json: JsonOption = False,
) -> None:
    """Score a class map.

    With labels: how good a segmentation is one merge away? The mapping from classes to structures is fitted on the
    first half of the sections and scored on the second; merged_miou is the headline. Without: is the map alive, steady
    from section to section, and does it explain the image?

    $ em-autoclass score classes.ome.zarr labels.ome.tif

    $ em-autoclass score classes.ome.zarr --volume stack.ome.tif --json

    $ em-autoclass score classes.ome.zarr labels.ome.tif --volume stack.ome.tif --groups 5
    """
    from napari_em_autoclass.core.scores.label_free import score_without_labels
    from napari_em_autoclass.io.class_map_file import read_class_map

    if groups is not None and (labels is None or volume is None):
        raise InputError("--groups needs LABELS to score the groups, and --volume to find them")
    found, _ = read_class_map(classes)
    if labels is not None:
        figures = scores_with_labels(found, labels)
        if groups is not None and volume is not None:
            figures = {
                "merged_miou": figures["merged_miou"],
                f"merged_miou_at_{groups}_groups": merged_miou_at(groups, found, labels, _voxels(volume)),
                **figures,
            }
        if volume is not None:
            figures["csev"] = score_without_labels(found, _voxels(volume))["csev"]
    else:
        figures = score_without_labels(found, None if volume is None else _voxels(volume))
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


def names_file(labels: Path) -> Path:
    """Return the file that tells what labels mean: X.json for X_labels.*."""
    return labels.with_name(labels.name.split("_labels.")[0].removesuffix(".npz") + ".json")


def label_names(labels: Path) -> dict[int, str]:
    """Return what the labels mean, as `names_file` tells; nothing where there is none.

    Raises
    ------
    InputError
        If the file is there but damaged.
    """
    side = names_file(labels)
    if not side.is_file():
        return {}
    try:
        return {int(label): str(name) for label, name in json.loads(side.read_text("utf-8")).get("classes", {}).items()}
    except (ValueError, AttributeError) as error:
        raise InputError(f"{side}: can't be read as names of the labels ({error}); mend or remove it") from error


def _voxels(volume: str) -> ArrayLike:
    """Open a stack for its grey values alone: they are scored without a voxel size."""
    try:
        return StackRequest(volume).open().data
    except MissingVoxelSize:
        return StackRequest(volume, (1.0, 1.0, 1.0)).open().data


def _show(figures: dict[str, Any], as_json: bool) -> None:
    from napari_em_autoclass.cli.progress import print_json

    if as_json:
        print_json(figures)
        return
    width = max(22, *(len(name) + 2 for name in figures))
    for name, value in figures.items():
        if not isinstance(value, dict):
            typer.echo(f"{name:{width}}{value:g}")
            continue
        typer.echo(name)
        for structure, iou in value.items():
            typer.echo(f"  {structure:20}{iou:g}")
