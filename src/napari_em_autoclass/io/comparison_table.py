"""The table of a comparison as Markdown for people and as CSV for programs."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from napari_em_autoclass.core.comparison.rows import COLUMNS, NOTES, RecipeRow, best_of, in_order, shown_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["as_csv", "as_markdown", "markdown_rows"]


def as_markdown(rows: Iterable[RecipeRow], about: Mapping[str, Any]) -> str:
    """Return a page: what was compared, the table, and how to read it."""
    rows = tuple(rows)
    facts = ", ".join(f"{name.replace('_', ' ')} {_plain(value)}" for name, value in about.items() if value is not None)
    meanings = "".join(f"- *{column.title}*: {column.about}.\n" for column in shown_columns(rows))
    notes = "".join(f"- {note}\n" for note in NOTES)
    return f"# Recipes compared\n\n{facts}\n\n{markdown_rows(rows)}\n{meanings}\n{notes}"


def markdown_rows(rows: Iterable[RecipeRow]) -> str:
    """Return the table alone, best first, the best of each column in bold."""
    rows = in_order(rows)
    columns, best = shown_columns(rows), best_of(rows)
    heads = ("recipe", *(column.title for column in columns), "how it ended")
    lines = [_line(heads), _line(["---"] + ["---:"] * len(columns) + ["---"])]
    for row in rows:
        cells = []
        for column in columns:
            value = row.figures.get(column.key)
            text = column.text(value)
            wins = row.outcome == "finished" and value is not None and value == best.get(column.key)
            cells.append(f"**{text}**" if wins else text)
        ended = f"{row.outcome}: {row.reason}" if row.reason else row.outcome
        lines.append(_line((f"`{row.recipe}`", *cells, ended.replace("|", r"\|"))))
    return "".join(lines)


def as_csv(rows: Iterable[RecipeRow]) -> str:
    """Return all figures, unrounded, best recipe first; empty where there is none."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["recipe", "outcome", *(column.key for column in COLUMNS), "reason"])
    for row in in_order(rows):
        figures = (f"{row.figures[column.key]:.6g}" if column.key in row.figures else "" for column in COLUMNS)
        table.writerow([row.recipe, row.outcome, *figures, row.reason])
    return out.getvalue()


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " x ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in value)
    return str(value)
