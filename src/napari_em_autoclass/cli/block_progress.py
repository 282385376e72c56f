"""What a command shows while the blocks of a class map are made, here or on many workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from napari_em_autoclass.cli.progress import print_json, spelled_duration

if TYPE_CHECKING:
    from napari_em_autoclass.io.predict_map import Made

__all__ = ["ShowMade", "showing_blocks"]

ShowMade = Callable[["Made"], None]

# A log file of a week's prediction stays readable.
_LINE_EVERY_S: Final = 10.0


@contextmanager
def showing_blocks(as_json: bool) -> Iterator[ShowMade]:
    """Give a function that shows how far a map has come: a bar on a terminal, lines elsewhere, JSON for machines."""
    console = Console()
    if as_json:
        yield _Lines(_as_json).show
    elif console.is_terminal:
        columns = (SpinnerColumn(), TextColumn("predicting"), BarColumn(bar_width=28), TextColumn("{task.description}"))
        with Progress(*columns, console=console) as progress:
            yield _Bar(progress).show
    else:
        yield _Lines(_as_text).show


class _Pace:
    """The time left, by the blocks of this attempt alone."""

    def __init__(self) -> None:
        self._began: tuple[float, int] | None = None

    def left_s(self, made: Made) -> float | None:
        """Return how long the rest will take, None before the first block."""
        now = time.monotonic()
        if self._began is None:
            self._began = (now, made.n_done)
        began, before = self._began
        done = made.n_done - before
        return (now - began) * (made.n_blocks - made.n_done) / done if done else None


class _Bar:
    def __init__(self, progress: Progress) -> None:
        self._progress, self._pace = progress, _Pace()
        self._task = progress.add_task("", total=1.0)
        self._said_before = False

    def show(self, made: Made) -> None:
        left = self._pace.left_s(made)
        if not self._said_before and made.n_done and left is None:
            self._progress.console.print(_gone_on(made), highlight=False)
        self._said_before = True
        figures = f"{made.n_done} of {made.n_blocks} blocks" + (f", {spelled_duration(left)} left" if left else "")
        self._progress.update(self._task, completed=made.n_done / made.n_blocks, description=figures)


class _Lines:
    """A line at the first block if some were finished before, and then at most one in `_LINE_EVERY_S`."""

    def __init__(self, say: Callable[[Made, float | None], None]) -> None:
        self._say, self._pace = say, _Pace()
        self._said_at: float | None = None

    def show(self, made: Made) -> None:
        left, now = self._pace.left_s(made), time.monotonic()
        is_first, self._said_at = self._said_at is None, self._said_at or now
        if is_first and made.n_done:
            self._say(made, None)
        elif now - self._said_at >= _LINE_EVERY_S and made.n_done < made.n_blocks:
            self._said_at = now
            self._say(made, left)


def _as_text(made: Made, left_s: float | None) -> None:
    if left_s is None:
        typer.echo(_gone_on(made))
    else:
        typer.echo(f"predicting: {made.n_done / made.n_blocks:4.0%}, {spelled_duration(left_s)} left")


def _as_json(made: Made, left_s: float | None) -> None:
    print_json({"event": "BlocksDone", "done": made.n_done, "blocks": made.n_blocks, "left_s": left_s})


def _gone_on(made: Made) -> str:
    return f"going on: {made.n_done} of {made.n_blocks} blocks were finished before"
