"""How a command ends: its exit code, and the one line it says when something went wrong.

0 it worked · 1 a defect of ours, or a result of no use · 2 something the user can mend · 130 interrupted.
"""

from __future__ import annotations

import errno
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["CRASHED", "CRASH_LOG", "INTERRUPTED", "MENDABLE", "Crashed", "Interrupted", "exit_of", "traceback_kept_in"]

CRASHED: Final = 1
MENDABLE: Final = 2
INTERRUPTED: Final = 130

CRASH_LOG: Final = "crash.log"

_ADVICE: Final = {
    errno.ENOSPC: "free some space, or write to another disk",
    errno.EDQUOT: "free some space, or write to another disk",
    errno.EFBIG: "write to a disk that takes larger files",
    errno.EACCES: "change its permissions, or choose another place",
    errno.EPERM: "change its permissions, or choose another place",
    errno.EROFS: "choose a place that can be written to",
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path",
    errno.EEXIST: "choose another place",
    errno.EISDIR: "choose another place",
    errno.ENOTEMPTY: "choose another place",
}
# What libraries that lose the number say: safetensors, HDF5.
_DISK_FULL: Final = ("no space left on device", "disk quota exceeded", "storagefull")


class Interrupted(Exception):
    """The user, or the machine, asked to end; the message says what there is and how to go on."""


class Crashed(Exception):
    """A command failed in a way its user can't mend; the message is one line and says where the traceback is."""


@contextmanager
def traceback_kept_in(folder: Path) -> Iterator[None]:
    """Write the traceback of an unexpected error to a log in `folder`, if that is there, and raise `Crashed`."""
    try:
        yield
    except Exception as error:
        if exit_of(error)[0] != CRASHED or isinstance(error, Crashed) or not folder.is_dir():
            raise
        log = folder / CRASH_LOG
        try:
            log.write_text(traceback.format_exc(), encoding="utf-8")
        except OSError:
            raise error from None
        raise Crashed(f"{_summary(error)}; the traceback is in {log}") from error


def exit_of(error: BaseException) -> tuple[int, str]:
    """Return exit code and line for an error that ended a command."""
    if isinstance(error, Interrupted):
        return INTERRUPTED, _one_line(error)
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "interrupted; nothing was written"
    if isinstance(error, InputError):
        return MENDABLE, _one_line(error)
    if isinstance(error, Crashed):
        return CRASHED, _one_line(error)
    # Typer's own, whose classes live in another place in each of its versions.
    if hasattr(error, "format_message"):
        return MENDABLE, " ".join(f"{error.format_message().rstrip('. ')}; see --help".split())
    return _exit_of_system_error(error)


def _exit_of_system_error(error: BaseException) -> tuple[int, str]:
    chain = list(_causes(error))
    for link in chain:
        if isinstance(link, OSError) and link.errno in _ADVICE:
            place = f"{link.filename}: " if link.filename is not None else ""
            return MENDABLE, f"{place}{_lowered(link.strerror or 'failed')}; {_ADVICE[link.errno]}"
    if any(sign in str(link).lower().replace(" :", ":") for link in chain for sign in _DISK_FULL):
        return MENDABLE, f"no space left on device; {_ADVICE[errno.ENOSPC]}"
    if isinstance(error, OSError):
        return MENDABLE, _one_line(error)
    if isinstance(error, MemoryError):
        return MENDABLE, "not enough memory; close other programs, or train on a region (--roi)"
    return CRASHED, f"{_summary(error)}; run `em-autoclass --debug ...` to see the traceback"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _summary(error: BaseException) -> str:
    return f"unexpected {type(error).__name__}: {_one_line(error)[:200]}"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]
