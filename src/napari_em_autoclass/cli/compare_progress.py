"""What ``compare`` shows: on a terminal the growing table above a line of progress, elsewhere lines, or JSON."""

from __future__ import annotations

import math
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from napari_em_autoclass.cli.progress import print_json, spelled_duration
from napari_em_autoclass.core.comparison.comparer import ComparisonEnded, RecipeBegun, RecipeDone, RecipeScored
from napari_em_autoclass.core.comparison.rows import RecipeRow, best_of, in_order, shown_columns
from napari_em_autoclass.core.events import StepDone

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ComparisonShown", "table_of"]

# So many letters a terminal must have for all columns; a narrower one shows the main ones.
_WIDE: Final = 150
_LINE_EVERY_S: Final = 10.0


class ComparisonShown:
    """Shows the events of a comparison; a context, so that the terminal is left as it was.

    Parameters
    ----------
    as_json : print a line of JSON per recipe, and nothing else
    rows : those that were there before
    """

    def __init__(self, as_json: bool, rows: Iterable[RecipeRow] = ()) -> None:
        self._as_json = as_json
        self._rows = {row.recipe: row for row in rows}
        self._console = Console()
        self._live: Live | None = None
        if not as_json and self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=8, transient=True)
        self._head = ""
        self._said_at = -math.inf

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
        if not self._as_json and self._rows:
            width = self._console.width if self._console.is_terminal else _WIDE
            console = self._console if self._console.is_terminal else Console(width=200)
            console.print(table_of(self._rows.values(), main_only=width < _WIDE))

    def show(self, event: Any) -> None:
        """Show an event."""
        if isinstance(event, RecipeBegun):
            self._head = f"{event.number} of {event.total}  {event.recipe}"
            self._say(f"{self._head}: first sketch", always=True)
        elif isinstance(event, StepDone):
            left = event.elapsed_s * (1 - event.fraction) / event.fraction if event.fraction > 0.01 else math.nan
            pace = "" if math.isnan(left) else f", {spelled_duration(left)} left"
            self._say(f"{self._head}: {event.fraction:4.0%}, {event.effective_classes:.1f} classes in effect{pace}")
        elif isinstance(event, RecipeScored):
            self._say(f"{self._head}: scoring, {event.fraction:4.0%}")
        elif isinstance(event, RecipeDone):
            self._done(event.row)
        elif isinstance(event, ComparisonEnded) and self._live is not None:
            self._live.update(Text(""))

    def _done(self, row: RecipeRow) -> None:
        self._rows[row.recipe] = row
        if self._as_json:
            print_json(row.to_json())
        elif self._live is None:
            typer.echo(f"{self._head}: {_sentence(row)}")

    def _say(self, line: str, always: bool = False) -> None:
        if self._live is not None:
            table = table_of(self._rows.values(), main_only=self._console.width < _WIDE)
            self._live.update(Group(*([table] if self._rows else []), Text(line, style="cyan", no_wrap=True)))
        elif not self._as_json and (always or time.monotonic() - self._said_at >= _LINE_EVERY_S):
            typer.echo(line)
            self._said_at = time.monotonic()


def table_of(rows: Iterable[RecipeRow], main_only: bool = False) -> Table:
    """Return the rows as a table for a terminal, best first; what is best in its column stands out."""
    rows = in_order(rows)
    columns, best = shown_columns(rows, main_only), best_of(rows)
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    table.add_column("recipe", no_wrap=True)
    for column in columns:
        table.add_column(column.title, justify="right")
    table.add_column("how it ended")
    for row in rows:
        finished = row.outcome == "finished"
        cells = []
        for column in columns:
            value = row.figures.get(column.key)
            wins = finished and value is not None and value == best.get(column.key)
            cells.append(Text(column.text(value), style="bold green" if wins else "" if finished else "dim"))
        ended = Text(f"{row.outcome}: {row.reason}" if row.reason else row.outcome, style="" if finished else "red")
        table.add_row(Text(row.recipe, style="" if finished else "dim"), *cells, ended)
    return table


def _sentence(row: RecipeRow) -> str:
    figures = [
        f"{column.title} {column.text(row.figures[column.key])}" for column in shown_columns([row], main_only=True)
    ]
    return ", ".join([row.outcome, *figures, *([row.reason] if row.reason else [])])
