"""``em-autoclass classes``: list the classes of a run, name, colour and merge them, by hand or as suggested."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_em_autoclass.cli.class_csv import write_csv
from napari_em_autoclass.cli.options import JsonOption, RunArgument, parse_ids
from napari_em_autoclass.cli.split import split as told_apart
from napari_em_autoclass.cli.suggest import show_suggestion
from napari_em_autoclass.cli.suggest import suggest as suggested
from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.class_map import ClassMap, History

__all__ = ["class_rows", "classes"]

_EDIT = "Editing"
_SUGGEST = "Suggestions"
_TABLE = "Table"
_IDS = "ID,ID"


def classes(
    run: RunArgument,
    *,
    merge: Annotated[
        str | None, typer.Option(metavar=_IDS, help="Show these classes as one.", rich_help_panel=_EDIT)
    ] = None,
    name: Annotated[str | None, typer.Option(help="With --merge: its name.", rich_help_panel=_EDIT)] = None,
    unmerge: Annotated[
        int | None, typer.Option(metavar="ID", help="Take a merge apart.", rich_help_panel=_EDIT)
    ] = None,
    split: Annotated[
        int | None, typer.Option(metavar="ID", help="Tell a class apart into parts.", rich_help_panel=_EDIT)
    ] = None,
    into: Annotated[
        int | None,
        typer.Option(metavar="N", help="With --split: how many parts.", min=2, max=6, rich_help_panel=_EDIT),
    ] = None,
    unsplit: Annotated[
        int | None, typer.Option(metavar="ID", help="Show a class whole again.", rich_help_panel=_EDIT)
    ] = None,
    rename: Annotated[
        tuple[int, str] | None, typer.Option(metavar="ID NAME", help="Name a class.", rich_help_panel=_EDIT)
    ] = None,
    color: Annotated[
        tuple[int, str] | None, typer.Option(metavar="ID #RRGGBB", help="Colour a class.", rich_help_panel=_EDIT)
    ] = None,
    show: Annotated[str | None, typer.Option(metavar=_IDS, help="Show in napari.", rich_help_panel=_EDIT)] = None,
    hide: Annotated[str | None, typer.Option(metavar=_IDS, help="Hide in napari.", rich_help_panel=_EDIT)] = None,
    lock: Annotated[str | None, typer.Option(metavar=_IDS, help="Protect from merges.", rich_help_panel=_EDIT)] = None,
    unlock: Annotated[str | None, typer.Option(metavar=_IDS, help="Protect no more.", rich_help_panel=_EDIT)] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the last edit back.", rich_help_panel=_EDIT)] = False,
    redo: Annotated[bool, typer.Option("--redo", help="Do it again.", rich_help_panel=_EDIT)] = False,
    suggest: Annotated[
        int | None,
        typer.Option(metavar="N", help="Say which classes to merge into N groups.", min=3, rich_help_panel=_SUGGEST),
    ] = None,
    volume: Annotated[
        str | None,
        typer.Option(
            metavar="STACK",
            help="With --suggest, --split and --csv: where to look at the classes.",
            show_default="the stack of RUN",
            rich_help_panel=_SUGGEST,
        ),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="With --suggest: merge them, as one edit.", rich_help_panel=_SUGGEST)
    ] = False,
    csv: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write shares, volumes, certainty and neighbours, estimated from some places.",
            rich_help_panel=_TABLE,
        ),
    ] = None,
    class_map: Annotated[
        Path | None,
        typer.Option(
            "--map", metavar="CLASSES", help="With --csv: count every voxel of this map.", rich_help_panel=_TABLE
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the classes of a run, or edit them.

    Edits never change what was learned: they say how classes are shown and exported, and each can be undone.

    $ em-autoclass classes my-run

    $ em-autoclass classes my-run --csv classes.csv --map classes.ome.zarr

    $ em-autoclass classes my-run --merge 3,7 --name mitochondria

    $ em-autoclass classes my-run --split 9 --into 3

    $ em-autoclass classes my-run --rename 5 "cytoplasm, light"

    $ em-autoclass classes my-run --undo

    $ em-autoclass classes my-run --suggest 5 --apply
    """
    if name is not None and merge is None:
        raise InputError("--name belongs to --merge; to name one class write --rename ID NAME")
    edits = (
        _edit(merge, lambda class_map, ids: class_map.merge(parse_ids(ids), name)),
        _edit(unmerge, lambda class_map, class_id: class_map.unmerge(class_id)),
        _edit(split, lambda _, class_id: told_apart(folder, class_id, into or 2, volume)),
        _edit(unsplit, _whole),
        _edit(rename, lambda class_map, pair: class_map.rename(*pair)),
        _edit(color, lambda class_map, pair: class_map.recolour(*pair)),
        _edit(show, lambda class_map, ids: class_map.with_visible(parse_ids(ids), True)),
        _edit(hide, lambda class_map, ids: class_map.with_visible(parse_ids(ids), False)),
        _edit(lock, lambda class_map, ids: class_map.lock(parse_ids(ids), True)),
        _edit(unlock, lambda class_map, ids: class_map.lock(parse_ids(ids), False)),
    )
    wanted = [edit for edit in edits if edit is not None]
    if into is not None and split is None:
        raise InputError("--into belongs to --split; write which class to split, e.g. --split 7 --into 3")
    if class_map is not None and csv is None:
        raise InputError("--map belongs to --csv; write where the table goes, e.g. --csv classes.csv")
    if suggest is None and (apply or (volume is not None and split is None and csv is None)):
        raise InputError("--apply and --volume belong to --suggest; write how many groups you want, e.g. --suggest 5")
    if len(wanted) + undo + redo + (suggest is not None) + (csv is not None) > 1:
        raise InputError("one edit at a time, so that each can be undone; write several commands")
    folder = _opened(run)
    if csv is not None:
        typer.echo(write_csv(folder, csv, class_map, volume))
        return
    if suggest is not None:
        found = suggested(folder, suggest, volume)
        if not apply:
            show_suggestion(found, as_json)
            return
        wanted = [lambda _: found.class_map]
    if wanted or undo or redo:
        folder.save_history(_edited(folder.history, wanted, undo=undo, redo=redo))
    _show(folder, as_json)


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One row of the table: a class, or several that show as one.  `share` (0 to 1) is None until it is known.

    `part_of` is the class that was split, for a part of it.
    """

    id: int
    name: str
    color: str
    members: tuple[int, ...]
    share: float | None
    visible: bool
    locked: bool
    part_of: int | None = None


def class_rows(folder: RunFolder) -> tuple[ClassRow, ...]:
    """Return the classes of a run as shown, by id, with their shares as far as the training told."""
    class_map, usage = folder.history.present, _usage(folder)
    return tuple(
        ClassRow(
            row,
            class_map.name_of(row),
            class_map.color_of(row),
            class_map.members(row),
            _share(usage, class_map.members(row)),
            class_map.is_visible(row),
            not class_map.locked.isdisjoint(class_map.members(row)),
            split.class_id if (split := class_map.split_of(row)) else None,
        )
        for row in class_map.rows()
    )


_Edit = Callable[["ClassMap"], "ClassMap"]


def _edit(value: Any, change: Callable[[ClassMap, Any], ClassMap]) -> _Edit | None:
    return None if value is None else lambda class_map: change(class_map, value)


def _whole(class_map: ClassMap, class_id: int) -> ClassMap:
    from napari_em_autoclass.core.class_splits import without_split

    return without_split(class_map, class_id)


def _edited(history: History, edits: list[_Edit], *, undo: bool, redo: bool) -> History:
    if undo:
        if not history.can_undo:
            raise InputError("there is nothing to undo")
        return history.undo()
    if redo:
        if not history.can_redo:
            raise InputError("there is nothing to redo")
        return history.redo()
    return history.do(edits[0](history.present))


def _opened(run: Any) -> RunFolder:
    from napari_em_autoclass.core.checkpoint import RunFolder

    folder = RunFolder.open(run)
    if mended := folder.mend_history():
        typer.echo(mended, err=True)
    return folder


def _usage(folder: RunFolder) -> tuple[float, ...]:
    """Return the share of each class in the section that the run classified last, or nothing."""
    import numpy as np

    from napari_em_autoclass.core.kept_maps import read_snapshot

    picture = folder.path / "snapshot" / "latest.npz"
    if not picture.is_file():
        return ()
    n_classes = folder.history.present.n_classes
    try:
        counts = np.bincount(read_snapshot(folder.path)[1].ravel(), minlength=n_classes + 1)
    except (OSError, ValueError):  # the picture is made anew when the run goes on
        return ()
    return tuple(float(count) / max(int(counts.sum()), 1) for count in counts[1 : n_classes + 1])


def _share(usage: tuple[float, ...], members: tuple[int, ...]) -> float | None:
    """Return what a row has of the picture that the run took last, which tells nothing of parts."""
    return sum(usage[i - 1] for i in members) if members[-1] <= len(usage) else None


def _show(folder: RunFolder, as_json: bool) -> None:
    from dataclasses import asdict

    from napari_em_autoclass.cli.progress import print_json

    rows = class_rows(folder)
    if as_json:
        print_json({"n_classes": folder.history.present.n_classes, "classes": [asdict(row) for row in rows]})
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table("id", "", "name", "colour", "share", "classes", "", box=None, pad_edge=False)
    for row in rows:
        swatch = Text("\u2588\u2588", style=row.color) if console.is_terminal else ""
        share = "" if row.share is None else f"{row.share:.1%}"
        members = ", ".join(str(member) for member in row.members) if len(row.members) > 1 else ""
        table.add_row(str(row.id), swatch, Text(row.name), row.color, share, members, " ".join(_flags(row)))
    console.print(table, soft_wrap=True)


def _flags(row: ClassRow) -> Iterator[str]:
    if not row.visible:
        yield "hidden"
    if row.locked:
        yield "locked"
    if row.part_of is not None:
        yield f"part of {row.part_of}"
