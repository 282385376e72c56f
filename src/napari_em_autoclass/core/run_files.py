"""Files of a run folder: written as a whole or not at all, read with a complaint of our own."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.limits import MAX_JSON_BYTES, json_of

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["append_lines", "is_blank", "put_aside", "read_json", "remove_leftovers", "write_atomically"]

_PARTIAL = ".partial-"


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that a reader, or a crash, sees the old file or the new one, never half of it."""
    # Of the thread's own: the dock saves classes while a thread that learns does, and two docks may hold one run.
    partial = path.with_name(f".{path.name}{_PARTIAL}{os.getpid()}-{threading.get_ident()}")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    _sync_names(path.parent)


def append_lines(path: Path, lines: list[str]) -> None:
    """Add `lines`, which end in a newline, to a text file; if that fails, the file is as it was."""
    before = path.stat().st_size if path.exists() else 0
    try:
        with path.open("ab") as file:
            file.writelines(line.encode() for line in lines)
    except OSError:
        with suppress(OSError):
            os.truncate(path, before)
        raise


def read_json(path: Path, complaint: str, most_bytes: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """Return the table in a JSON file.

    Raises
    ------
    InputError
        With `complaint`, if it can't be read, is no table, or larger than `most_bytes`.
    """
    try:
        content = json_of(path, most_bytes)
    except (OSError, ValueError) as error:
        raise InputError(complaint) from error
    if not isinstance(content, dict):
        raise InputError(complaint)
    return content


def put_aside(path: Path) -> Path:
    """Give a damaged file a name of its own, ``NAME.damaged-1.json`` or the next that is free, and return it."""
    number = 1
    while (aside := path.with_name(f"{path.stem}.damaged-{number}{path.suffix}")).exists():
        number += 1
    path.rename(aside)
    return aside


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed writer left half written; only for who holds the run's lock.

    Not of the classes, which others may be writing just now.
    """
    for partial in (*folder.glob(f".*{_PARTIAL}*"), *folder.glob(f"snapshot/.*{_PARTIAL}*")):
        if not partial.name.startswith(".classes"):
            with suppress(OSError):
                partial.unlink()


def is_blank(folder: Path) -> bool:
    """Return whether a folder is empty, or holds only what a run leaves that was killed before it was one."""
    if not folder.is_dir():
        return False
    for path in folder.iterdir():
        is_ours = _PARTIAL in path.name and path.name.startswith(".")
        if not (is_ours or path.name == "run.lock" or (path.name == "snapshot" and is_blank(path))):
            return False
    return True


def _sync_names(folder: Path) -> None:
    """Make sure that a new name in `folder` outlives a power cut; some file systems can't, or needn't, be told."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)  # fails on Windows, where it isn't needed
        try:
            os.fsync(number)
        finally:
            os.close(number)
