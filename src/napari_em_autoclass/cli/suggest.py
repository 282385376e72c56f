"""``em-autoclass classes --suggest``: which classes to merge, found by comparing them on a stack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from napari_em_autoclass.cli.options import StackRequest
from napari_em_autoclass.core.errors import InputError, MissingVoxelSize

if TYPE_CHECKING:
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.class_map import ClassMap
    from napari_em_autoclass.core.merge_tree import Groups, MergeTree
    from napari_em_autoclass.core.volume import Volume

__all__ = ["Suggestion", "show_suggestion", "stack_of", "suggest"]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Groups of the classes of a run, before and after, and the tree they were cut from.

    Parameters
    ----------
    groups : class ids; classes of which too little was seen stand in none
    tree : gives any other number of groups
    class_map : with the groups merged
    """

    groups: Groups
    tree: MergeTree
    class_map: ClassMap


def suggest(folder: RunFolder, n_groups: int, volume: str | None) -> Suggestion:
    """Return the `n_groups` groups into which the rows of a run are best merged; locked ones stay as they are.

    Parameters
    ----------
    folder : the run
    n_groups : how many groups are wanted
    volume : the stack on which to compare the classes; None takes the one the run learned from

    Raises
    ------
    InputError
        If the stack can't be read, or nothing was learned yet.
    """
    from napari_em_autoclass.core.class_relations import relations_of_model
    from napari_em_autoclass.core.merge_tree import MergeTree, with_groups

    stack = stack_of(folder, volume)
    relations = relations_of_model(folder.model(), stack)
    present = folder.history.present
    tree = MergeTree.of_rows(relations, present)
    groups = tree.cut(n_groups)
    return Suggestion(groups, tree, with_groups(present, groups, relations.sizes.tolist()))


def show_suggestion(suggestion: Suggestion, as_json: bool) -> None:
    """Print the groups, one a line with the classes in it, and what was left out."""
    from napari_em_autoclass.cli.progress import print_json

    shown, groups = suggestion.class_map, suggestion.groups
    seen = {class_id for group in groups for class_id in group}
    left_out = [class_id for class_id in range(1, shown.n_classes + 1) if class_id not in seen]
    if as_json:
        plain = [list(group) for group in groups]
        print_json({"groups": plain, "left_as_they_are": left_out, "tree": suggestion.tree.to_json()})
        return
    for number, group in enumerate(groups, start=1):
        typer.echo(f"group {number:<3}{shown.name_of(group[0]):24}{','.join(str(class_id) for class_id in group)}")
    if left_out:
        typer.echo(f"seen too little to tell: {','.join(str(class_id) for class_id in left_out)}")
    typer.echo("nothing is merged yet; write --apply to merge them, as one edit")


def stack_of(folder: RunFolder, volume: str | None) -> Volume:
    """Return the stack at the path `volume`, None for the one that a run learned from.

    Raises
    ------
    InputError
        If it isn't there, or can't be read.
    """
    path = volume or folder.volume.source
    if volume is None and not Path(path).exists():
        raise InputError(f"the stack that {folder.path} learned from isn't at {path!r}; write --volume STACK")
    try:
        return StackRequest(path).open()
    except MissingVoxelSize:
        # What the file doesn't tell was told when the run began.
        return StackRequest(path, folder.volume.voxel_size_nm).open()
