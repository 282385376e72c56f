"""The code blocks of the documentation, as a reader finds them; on the path of the tests (pyproject.toml).

A block that can't run where the tests run is marked, with the reason, on the line before it:

    <!-- not run: needs a SLURM cluster -->
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGES = (
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    REPOSITORY / ".napari-hub" / "DESCRIPTION.md",
    *sorted(page for page in (REPOSITORY / "docs").rglob("*.md") if "_build" not in page.parts),
)
RUNS = ("python", "console", "bash")
PARSED = ("json", "yaml", "toml")
PLAIN = ("text",)  # what programs print, and drawings

_BLOCK = re.compile(
    r"^(?:<!-- *not run:(?P<reason>.*?)-->\n+)?```(?P<language>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A block of a page; `not_run` is the reason of its marker, None where there is none."""

    page: Path
    line: int
    language: str
    text: str
    not_run: str | None

    def __str__(self) -> str:
        return f"{name_of(self.page)}:{self.line}"

    def commands(self) -> list[str]:
        """Return the command lines of a `console` block, those broken by a backslash joined.

        Raises
        ------
        ValueError
            If something else stands there.
        """
        lines = self.text.replace("\\\n", " ").splitlines()
        for line in lines:
            if line.strip() and not line.startswith("$ "):
                raise ValueError(f"{self}: {line!r} is no command; put what is printed into a text block")
        return [line.removeprefix("$ ") for line in lines if line.strip()]


def name_of(page: Path) -> str:
    """Return the path of a page in the repository."""
    return page.relative_to(REPOSITORY).as_posix() if page.is_relative_to(REPOSITORY) else page.name


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of code of a page, without the directives of Sphinx."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        if match["language"].startswith("{"):
            continue
        line = text.count("\n", 0, match.start("language")) + 1
        reason = match["reason"]
        found.append(Block(page, line, match["language"], match["text"], None if reason is None else reason.strip()))
    return found
