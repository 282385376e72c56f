"""The page of the walk: what each chapter does, in its own words, with its pictures, and the shortest way's steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["write_page", "write_short"]

_HEAD = """# A walk through the dock

Made by `docs/walkthrough`, a script that uses the real dock by mouse and keys, on the sample stack, and stops at the
first thing a user could not do. On a stack of yours:
`scripts/xvfb.sh .venv/bin/python docs/walkthrough stack.ome.tif --out pictures`.
"""


def write_page(
    page: Path, chapters: Sequence[tuple[Callable[..., object], Sequence[str]]], notes: Sequence[str]
) -> None:
    """Write the page beside the folder ``images/walk`` that holds the pictures.

    Parameters
    ----------
    page : the file
    chapters : each with the names of its pictures
    notes : what was measured on the way
    """
    pictures = page.parent / "images" / "walk"
    parts = [_HEAD]
    short = pictures / "short.md"
    if short.exists():
        parts.append("## The shortest way\n\n" + short.read_text(encoding="utf-8"))
    for chapter, names in chapters:
        words = " ".join((chapter.__doc__ or "").split())
        shown = "\n\n".join(f"![{_title(name)}](images/walk/{name}.jpg)" for name in names)
        parts.append(f"## {chapter.__name__.replace('_', ' ').capitalize()}\n\n{words}\n\n{shown}\n")
    if notes:
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
