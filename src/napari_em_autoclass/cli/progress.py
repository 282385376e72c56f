"""What a command shows while it works: a bar on a terminal, lines of text elsewhere, or JSON lines for machines."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from typing import Any, Final, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from napari_em_autoclass.core.events import Event, Notice, RunEnded, RunStarted, StepDone, ViewRequest

__all__ = ["ShowEvent", "event_as_json", "print_json", "showing_events", "spelled_duration", "watched"]

ShowEvent = Callable[[Event], None]
T = TypeVar("T")

# A log file of a night's training stays readable.
_LINE_EVERY_S: Final = 10.0
_PICTURES: Final = ("classes", "confidence", "probs", "known")


@contextmanager
def showing_events(as_json: bool) -> Iterator[ShowEvent]:
    """Give a function that shows the events of a training, in the way that suits where the output goes."""
    if as_json:
        yield lambda event: print_json(event_as_json(event))
        return
    console = Console()
    if not console.is_terminal:
        yield _PlainLines().show
        return
    with _bar(console) as progress:
        yield _Bar(progress).show


def event_as_json(event: Event) -> dict[str, Any]:
    """Return an event as plain values, its name under "event" and without its pictures."""
    values = {field.name: getattr(event, field.name) for field in fields(event) if field.name not in _PICTURES}
    plain = {name: asdict(value) if isinstance(value, ViewRequest) else value for name, value in values.items()}
    return {"event": type(event).__name__, **plain}


def print_json(content: dict[str, Any]) -> None:
    """Print one line of JSON; values that JSON lacks (nan) become null."""
    typer.echo(json.dumps(_finite(content), ensure_ascii=False))


def watched(items: Iterable[T], total: int, verb: str, quiet: bool = False) -> Iterator[T]:
    """Yield `items`, showing how many of `total` are done and the time left."""
    console = Console()
    if quiet:
        yield from items
    elif console.is_terminal:
        with _bar(console) as progress:
            task = progress.add_task(verb, total=total, figures="")
            began = time.monotonic()
            for done, item in enumerate(items, start=1):
                yield item
                left = (time.monotonic() - began) * (total - done) / done
                progress.update(task, completed=done, figures=f"{spelled_duration(left)} left")
    else:
        yield from _watched_in_lines(items, total, verb)


def spelled_duration(seconds: float) -> str:
    """Return a duration as people say it: ``42 s``, ``3 min 05 s``, ``2 h 10 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _watched_in_lines(items: Iterable[T], total: int, verb: str) -> Iterator[T]:
    began = said = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - said >= _LINE_EVERY_S and done < total:
            said = now
            typer.echo(f"{verb}: {done / total:4.0%}, {spelled_duration((now - began) * (total - done) / done)} left")


def _bar(console: Console) -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        TextColumn("{task.fields[figures]}"),
    )
    return Progress(*columns, console=console)


class _Bar:
    """The events of a training as a rich progress bar."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("preparing", total=1.0, figures="first sketch of the classes")
        self._speed = _Speed()

    def show(self, event: Event) -> None:
        if isinstance(event, StepDone):
            figures = _figures(event, self._speed)
            self._progress.update(self._task, description="training", completed=event.fraction, figures=figures)
        elif isinstance(event, RunEnded) and event.reason == "finished":
            self._progress.update(self._task, completed=1.0)
        if line := _line_of(event):
            self._progress.console.print(line, highlight=False, markup=False, soft_wrap=True)


class _PlainLines:
    """The events of a training as lines of text, at most one in `_LINE_EVERY_S` while it goes on."""

    def __init__(self) -> None:
        self._said_at = -math.inf
        self._unsaid = ""
        self._speed = _Speed()

    def show(self, event: Event) -> None:
        if isinstance(event, StepDone):
            self._unsaid = f"{event.fraction:4.0%}  step {event.step}  {_figures(event, self._speed)}"
            if time.monotonic() - self._said_at >= _LINE_EVERY_S:
                self._say_figures()
            return
        if isinstance(event, RunEnded) and self._unsaid:
            self._say_figures()
        if line := _line_of(event):
            typer.echo(line)

    def _say_figures(self) -> None:
        typer.echo(self._unsaid)
        self._said_at, self._unsaid = time.monotonic(), ""


class _Speed:
    """Steps per second over the last half minute or so: what went before says little about the time left."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, int, float]] = []  # elapsed s, step, fraction

    def add(self, event: StepDone) -> None:
        self._seen = [seen for seen in self._seen if event.elapsed_s - seen[0] <= 30] or self._seen[-1:]
        self._seen.append((event.elapsed_s, event.step, event.fraction))

    def steps_per_s(self) -> float | None:
        (began, first, _), (now, last, _) = self._seen[0], self._seen[-1]
        return (last - first) / (now - began) if now > began else None

    def left_s(self) -> float | None:
        (began, _, from_fraction), (now, _, fraction) = self._seen[0], self._seen[-1]
        if now <= began or fraction <= from_fraction:
            return None
        return (1 - fraction) * (now - began) / (fraction - from_fraction)


def _figures(event: StepDone, speed: _Speed) -> str:
    speed.add(event)
    parts = [f"loss {event.total:.3f}", f"{event.effective_classes:.1f} effective classes"]
    if (rate := speed.steps_per_s()) is not None:
        parts.append(f"{rate:.1f} steps/s")
    if (left := speed.left_s()) is not None:
        parts.append(f"{spelled_duration(left)} left")
    return "  ".join(parts)


def _line_of(event: Event) -> str:
    """Return what people should read about an event other than a step; nothing for most."""
    if isinstance(event, RunStarted):
        z, y, x = event.shape_zyx
        size = " x ".join(f"{length:g}" for length in event.voxel_size_nm)
        learns = f"{event.n_classes} classes from {z} sections of {y} x {x} px, voxel {size} nm"
        return f"{learns}\ncomputing on {event.device}: {event.device_reason}"
    return event.message if isinstance(event, Notice | RunEnded) else ""


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
