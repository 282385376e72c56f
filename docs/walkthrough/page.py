"""The page of the walk: what each chapter does, in its own words, with its pictures, and the shortest way's steps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["remember", "write_page", "write_short"]

_RECORD = "walk.json"

_HEAD = """# A walk through the dock

Made by `docs/walkthrough`, a script that uses the real dock by mouse and keys, on the sample stack, and stops at the
first thing a user could not do. On a stack of yours:
`scripts/xvfb.sh .venv/bin/python docs/walkthrough stack.ome.tif --out pictures`.
"""


def remember(pictures: Path, chapter: Callable[..., object], shots: Sequence[str], notes: Sequence[str]) -> None:
    """Keep beside the pictures what a chapter left, so that one chapter can be walked again without the others."""
    record = _record(pictures)
    record[chapter.__name__] = {"pictures": list(shots), "notes": list(notes)}
    (pictures / _RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def write_page(page: Path, chapters: Sequence[Callable[..., object]]) -> None:
    """Write the page beside the folder ``images/walk``, of each chapter as it was walked last; not before all were."""
    pictures = page.parent / "images" / "walk"
    record = _record(pictures)
    if {chapter.__name__ for chapter in chapters} - set(record):
        return
    parts = [_HEAD]
    short = pictures / "short.md"
    if short.exists():
        parts.append("## The shortest way\n\n" + short.read_text(encoding="utf-8"))
    for chapter in chapters:
        words = " ".join((chapter.__doc__ or "").split())
        shown = [f"![{_title(name)}](images/walk/{name}.jpg)" for name in record[chapter.__name__]["pictures"]]
        parts.append("\n\n".join([f"## {chapter.__name__.replace('_', ' ').capitalize()}", words, *shown]) + "\n")
    if notes := [note for chapter in chapters for note in record[chapter.__name__]["notes"]]:
        parts.append("## Measured on the way\n\n" + "\n".join(f"- {note}" for note in notes) + "\n")
    page.write_text("\n".join(parts), encoding="utf-8")


def write_short(file: Path, steps: Sequence[str], clicks: int) -> None:
    """Write the steps of the shortest way, to be taken up by the page."""
    file.parent.mkdir(parents=True, exist_ok=True)
    listed = "\n".join(f"{i}. {step}" for i, step in enumerate(steps, start=1))
    file.write_text(
        f"From an empty viewer to named mitochondria in an exported map: {clicks} clicks.\n\n{listed}\n",
        encoding="utf-8",
    )


def _title(name: str) -> str:
    return name.split("_", 1)[1].replace("_", " ")


def _record(pictures: Path) -> dict[str, Any]:
    at = pictures / _RECORD
    return json.loads(at.read_text(encoding="utf-8")) if at.exists() else {}
