"""Which blocks are finished: an append-only journal that tells the truth however its writer ended.

A line is added only after the files of its block have reached the disk, and reaches the disk before anybody builds on
it.  Each line carries its own checksum: one that a crash cut short, or a bad disk changed, is as if it had not been
written, and its block is made again.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self
from zlib import crc32

from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["LEDGER_NAME", "Entry", "Ledger", "Task", "read_ledger"]

LEDGER_NAME: Final = "finished.log"

_MAX_LINE_BYTES: Final = 2**22


@dataclass(frozen=True, slots=True)
class Task:
    """A block to make: its number in the plan of a level of the pyramid."""

    level: int
    index: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A finished block: how many bytes each of its files has (0: it is all 0 and has none), and what was unreadable."""

    task: Task
    sizes: tuple[int, ...]
    unreadable: tuple[Box, ...] = ()

    def line(self) -> bytes:
        """Return the entry as a line of the journal."""
        boxes = [[*(bound for part in box.slices for bound in (part.start, part.stop))] for box in self.unreadable]
        told = [self.task.level, self.task.index, list(self.sizes), *([boxes] if boxes else [])]
        text = json.dumps(told, separators=(",", ":")).encode()
        return b"%08x %s\n" % (crc32(text), text)

    @classmethod
    def of_line(cls, line: bytes) -> Self | None:
        """Return the entry that `line` tells, None if it is damaged."""
        checksum, _, text = line.rstrip(b"\n").partition(b" ")
        with suppress(ValueError, TypeError, RecursionError):
            if len(checksum) == 8 and int(checksum, 16) == crc32(text):
                level, index, sizes, *boxes = json.loads(text)
                unreadable = tuple(Box(*map(int, box)) for box in (boxes[0] if boxes else []))
                return cls(Task(int(level), int(index)), tuple(map(int, sizes)), unreadable)
        return None


class Ledger:
    """The journal at `path`, open for more entries.

    Raises
    ------
    OSError
        If it can't be written.
    """

    def __init__(self, path: Path) -> None:
        # Whatever follows a line that was cut short begins a line of its own.
        torn = path.exists() and path.stat().st_size > 0 and not _ends_with_newline(path)
        self._file = path.open("ab")
        if torn:
            self._file.write(b"\n")

    def add(self, entry: Entry) -> None:
        """Write down that a block is finished; on return it is on the disk."""
        self._file.write(entry.line())
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Write no more."""
        self._file.close()


def read_ledger(path: Path) -> Iterator[Entry]:
    """Yield the entries of the journal at `path` that are whole, in order; none if there is no journal."""
    if not path.exists():
        return
    with path.open("rb") as file:
        while line := file.readline(_MAX_LINE_BYTES):
            if (entry := Entry.of_line(line)) is not None:
                yield entry


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
