"""The classes as a table for spreadsheets and statistics: the same columns in CSV and as features of a layer."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from napari_em_autoclass.io.output import new_output

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from napari_em_autoclass.core.class_map import ClassMap
    from napari_em_autoclass.core.class_statistics import ClassStatistics, RowStatistics

__all__ = ["CLASS_COLUMNS", "class_columns", "figures_of", "write_class_table"]

CLASS_COLUMNS: Final = (
    "index",
    "name",
    "group",
    "share",
    "volume_um3",
    "voxels",
    "sections",
    "sections_seen",
    "certainty",
    "entropy_bits",
    "neighbours",
    "color",
    "visible",
    "locked",
    "ignored",
    "classes",
    "part_of",
)
_N_NEIGHBOURS: Final = 5


def figures_of(statistics: ClassStatistics, class_map: ClassMap, merged: bool = False) -> dict[int, RowStatistics]:
    """Return what was counted of each class and part by itself, or of each row as shown if `merged`.

    Ids that were not counted, such as the parts of a class split since, are left out.
    """
    shown = class_map if merged else replace(class_map, groups=())
    ids = class_map.rows() if merged else class_map.ids
    n_counted = len(statistics.voxels)
    return {i: statistics.of_row(shown, i) for i in ids if max(shown.members(i)) < n_counted}


def class_columns(
    class_map: ClassMap, figures: Mapping[int, RowStatistics] | None = None, merged: bool = False
) -> dict[str, list[object]]:
    """Return the table by column, a row per class and part (ids ascending), or per row as shown if `merged`.

    Parameters
    ----------
    class_map : names, colours, groups and flags
    figures : from `figures_of`, with the same `merged`; what is not known is None
    merged : whether classes that show as one are one row, under the smallest id

    Returns
    -------
    dict
        `CLASS_COLUMNS`.  "index" is the id; "group" the name under which merged classes show, else empty; "share" (0 to
        1) is of all classified voxels, "volume_um3" and "voxels" of the whole stack; "sections" counts those of
        "sections_seen" in which the class occurs; "certainty" is 1 for sure and 0 for no idea (1 - entropy / log2 K);
        "neighbours" are what the surface touches, with shares of it; "classes" the ids in the row; "part_of" the class
        that was split.
    """
    known = figures or {}
    shown = class_map if merged else replace(class_map, groups=())
    groups = {member: group.name for group in class_map.groups for member in group.members}
    part_of = {i: split.class_id for split in class_map.splits for i in split.ids}
    names = {i: shown.name_of(i) for i in shown.ids}
    most_bits = math.log2(max(class_map.n_classes, 2))
    rows = []
    for i in class_map.rows() if merged else class_map.ids:
        members, row = shown.members(i), known.get(i)
        flags = [
            not class_map.hidden.issuperset(members),
            not class_map.locked.isdisjoint(members),
            class_map.ignored.issuperset(members),
        ]
        classes = " ".join(map(str, members))
        named = [i, names[i], groups.get(i, "") if not merged or len(members) > 1 else ""]
        rows.append([*named, *_figures(row, names, most_bits), shown.color_of(i), *flags, classes, part_of.get(i)])
    return {name: [row[at] for row in rows] for at, name in enumerate(CLASS_COLUMNS)}


def write_class_table(
    path: str | os.PathLike[str], columns: Mapping[str, Sequence[object]], overwrite: bool = False
) -> Path:
    """Write a table by column, as `class_columns` returns it, as CSV (UTF-8); what is None stays empty.

    Returns
    -------
    Path
        Where the table is.

    Raises
    ------
    InputError
        If `path` exists and `overwrite` is False, or can't be written.
    """
    at = Path(path)
    # The mark at the beginning lets Excel read µ and ä.
    with new_output(at, overwrite) as partial, partial.open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows(map(_cells, zip(*columns.values(), strict=True)))
    return at


def _figures(row: RowStatistics | None, names: Mapping[int, str], most_bits: float) -> list[object]:
    """Return the cells from "share" to "neighbours"."""
    if row is None:
        return [None] * 8
    bits = row.entropy_bits
    certainty = None if bits is None else round(max(0.0, 1 - bits / most_bits), 4)
    touches = "; ".join(f"{names[i]} {share:.0%}" for i, share in row.neighbours[:_N_NEIGHBOURS] if i in names)
    counted = [round(row.share, 6), float(f"{row.volume_um3:.6g}"), row.voxels, row.sections, row.sections_seen]
    return [*counted, certainty, None if bits is None else round(bits, 4), touches]


def _cells(row: Sequence[object]) -> list[object]:
    words = {True: "yes", False: "no"}
    return ["" if cell is None else words[cell] if isinstance(cell, bool) else cell for cell in row]
