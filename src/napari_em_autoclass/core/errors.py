"""The one error a user can cause and mend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Abandoned", "InputError", "MissingVoxelSize", "UnreadableError", "require_schema", "require_wanted"]


class InputError(ValueError):
    """Something the user gave can't be used; the message is one line that says what to do.

    The command line prints it and exits with 2, the dock shows it; neither shows a traceback.
    Every other exception is a defect of ours and keeps its traceback.
    """


class Abandoned(Exception):  # nothing went wrong
    """Nobody wants any more what was being made."""


class UnreadableError(InputError):
    """A part of a stack can't be read: a damaged chunk, a file that was moved, a network that failed."""


class MissingVoxelSize(InputError):
    """A stack came without a voxel size; the dock asks for it, the command line wants a flag."""


def require_wanted(is_wanted: Callable[[], bool]) -> None:
    """Go on only if what is being made is still wanted.

    Raises
    ------
    Abandoned
        If `is_wanted` says no.
    """
    if not is_wanted():
        raise Abandoned


def require_schema(stored: Any, version: int, what: str) -> None:
    """Check that what was read from a JSON file is a table of the schema that this program reads.

    Raises
    ------
    InputError
        If it is of another schema, or no table at all.
    """
    found = stored.get("schema_version") if isinstance(stored, dict) else None
    if found != version:
        raise InputError(f"{what} has schema {found!r}; this version reads {version}, install another one")
