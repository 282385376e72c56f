"""``em-autoclass compare``: recipes side by side on one stack."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_em_autoclass.cli.exits import Interrupted
from napari_em_autoclass.cli.options import (
    AxesOption,
    DatasetOption,
    DeviceOption,
    JsonOption,
    LevelOption,
    RoiOption,
    StackRequest,
    ThreadsOption,
    VolumeArgument,
    VoxelSizeOption,
)
from napari_em_autoclass.cli.signals import calling_on_signals
from napari_em_autoclass.cli.train import Wishes
from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from napari_em_autoclass.core.comparison.rows import RecipeRow
    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.volume import ArrayLike, Volume

__all__ = ["chosen_recipes", "compare", "recipes_with"]

_SECONDS = 60.0


def compare(
    volume: VolumeArgument,
    *,
    recipes: Annotated[
        str,
        typer.Option(metavar="NAME,NAME", help="All, or names (or .json files of your own) with commas between."),
    ] = "all",
    labels: Annotated[
        str | None, typer.Option(metavar="LABELS", help="Dense labels of the stack; adds the scores that need them.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the result, new or of this comparison.")] = Path(
        "compare-out"
    ),
    seconds: Annotated[float | None, typer.Option(help="Time to train each recipe.", show_default="60")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps to train each, instead of a time.")] = None,
    classes: Annotated[int | None, typer.Option(help="How many classes to tell apart.", show_default="20")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same runs.", show_default="0")] = None,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Any other setting, for every recipe."),
    ] = None,
    voxel_size: VoxelSizeOption = None,
    roi: RoiOption = None,
    dataset: DatasetOption = None,
    level: LevelOption = None,
    axes: AxesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run recipes one after another on a stack, and show them side by side.

    DIR gets a run folder for each, a table (compare.md, .csv, .json) and a picture of one section with every recipe's
    classes in matching colours. It is complete after each recipe: Ctrl-C keeps what is there, and the same command goes
    on. A recipe that fails or collapses is a row that says so. Of a stack of more than 32 sections, 32 are scored.

    $ em-autoclass compare stack.ome.tif --labels labels.ome.tif --seconds 60 --out compared

    $ em-autoclass compare stack.ome.tif --recipes neighbour-forecast,filters --classes 12
    """
    if seconds is None and steps is None:
        seconds = _SECONDS
    names = chosen_recipes(recipes)
    wishes = Wishes(None, classes, steps, seconds, seed, device, threads, tuple(assignments or ()))
    settings = recipes_with(names, wishes)
    stack = _Stack.open(StackRequest(volume, voxel_size, dataset, level, axes, roi), labels)
    rows = _compared(out, stack, settings, wishes, as_json)
    if not as_json:
        typer.echo(f"the runs, the table and the picture are in {out}")
    if rows and all(row.outcome != "finished" for row in rows):
        raise typer.Exit(1)


def chosen_recipes(text: str) -> tuple[str, ...]:
    """Return the recipes that ``all`` or ``name,name`` stands for, each once.

    Raises
    ------
    InputError
        If there is no such recipe, or none is named.
    """
    from napari_em_autoclass.core.run_settings import load_recipe, recipe_names

    if text.strip() == "all":
        return recipe_names()
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise InputError("--recipes names no recipe; write all, or names with commas between")
    for name in names:
        load_recipe(name)
    return names


def recipes_with(names: tuple[str, ...], wishes: Wishes) -> dict[str, RunSettings]:
    """Return the settings of each recipe under the same wishes.

    Raises
    ------
    InputError
        If a setting does not exist, or a value is out of bounds, or two recipes are called alike.
    """
    settings = {each.recipe: each for each in (replace(wishes, recipe=name).settings() for name in names)}
    if len(settings) < len(names):  # a file of one's own may be called like one that comes with the program
        raise InputError("two of the recipes are called alike; rename your .json file")
    return settings


@dataclass(frozen=True, slots=True)
class _Stack:
    """The stack and its labels, both cut to the region."""

    volume: Volume
    labels: ArrayLike | None
    label_name: str | None

    @classmethod
    def open(cls, request: StackRequest, labels: str | None) -> _Stack:
        from napari_em_autoclass.core.scores.stream import open_ids
        from napari_em_autoclass.core.volume import Box
        from napari_em_autoclass.io.class_map_file import read_class_map

        whole = replace(request, roi=None).open()
        box = Box.parse(request.roi, whole.shape_zyx) if request.roi else Box.whole(whole.shape_zyx)
        if labels is None:
            return cls(whole.crop(box), None, None)
        truth = open_ids(read_class_map(labels)[0], Path(labels).name)
        if truth.shape_zyx != whole.shape_zyx:
            raise InputError(
                f"{labels}: labels {truth.shape_zyx} and stack {whole.shape_zyx} differ in shape; choose its own labels"
            )
        return cls(whole.crop(box), truth.crop(box).data, Path(labels).name)


def _compared(
    out: Path, stack: _Stack, settings: dict[str, RunSettings], wishes: Wishes, as_json: bool
) -> tuple[RecipeRow, ...]:
    """Compare, showing progress, and return all rows of the folder.

    Raises
    ------
    Interrupted
        If the user asked to end.
    """
    from napari_em_autoclass.cli.compare_progress import ComparisonShown
    from napari_em_autoclass.core.comparison.comparer import Comparer
    from napari_em_autoclass.core.comparison.map_scores import MapScorer
    from napari_em_autoclass.core.trainer import Trainer
    from napari_em_autoclass.io.comparison_folder import ComparisonFolder, wished_for

    first = next(iter(settings.values()))
    # Both complain of a stack or labels that can't be used, before a folder is made.
    Trainer(stack.volume, first)
    scorer = MapScorer(stack.volume, stack.labels)
    wished = {"labels": stack.label_name, **wished_for(first), "set": list(wishes.assignments)}
    folder = ComparisonFolder.open(out, wished, stack.volume, stack.labels)
    missing = folder.missing(settings)
    comparer = Comparer(scorer, {name: settings[name] for name in missing}, folder)
    was_stopped = False
    with ComparisonShown(as_json, folder.rows()) as shown, calling_on_signals(comparer.stop):
        try:
            with closing(comparer.events()) as events:
                for event in events:
                    shown.show(event)
                    was_stopped = getattr(event, "was_stopped", False)
        except KeyboardInterrupt:
            was_stopped = True
    if was_stopped:
        done = len(folder.rows())
        raise Interrupted(f"interrupted; {done} of {len(settings)} recipes are in {out}, the same command goes on")
    return folder.rows()
