"""Outputs that are whole or not there: written beside their place, renamed at the end."""

from __future__ import annotations

import errno
import os
import shutil
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io import precomputed
from napari_em_autoclass.io.zarr_store import is_zarr

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "check_output",
    "new_output",
    "put_in_place",
    "remove",
    "remove_for_good",
    "scratch_folder",
    "told_to_the_user",
]

# Chunks that are still under way come within milliseconds of each other.
_CHECK_S, _QUIET_CHECKS, _PATIENCE_S = 0.05, 4, 10.0

_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space or choose another folder",
    errno.EDQUOT: "your disk quota is used up; free some space or choose another folder",
    errno.EFBIG: "the file gets too large for this file system; choose another folder",
    errno.EACCES: "no permission to write there; choose another folder",
    errno.EPERM: "no permission to write there; choose another folder",
    errno.EROFS: "the disk is read-only; choose another folder",
    errno.ENOTDIR: "part of the path is a file, not a folder; choose another folder",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


@contextmanager
def new_output(path: Path, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary sibling of `path` to write a file or folder to; it takes the place of `path` at the end.

    Whatever goes wrong inside, the sibling is removed and `path` stays as it was.

    Raises
    ------
    InputError
        If `path` exists and `overwrite` is False, or is a folder of something else, or its folder is missing; or if the
        disk is full or can't be written.
    """
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    with told_to_the_user(path):
        check_output(path, overwrite)
    try:
        with told_to_the_user(path):
            remove(partial)  # of a process that died and had the same number
            yield partial
            put_in_place(partial, path)
    except BaseException:
        remove_for_good(partial)
        raise


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """Give the path of a temporary sibling of `path`, on the same disk, and remove what was put there at the end."""
    scratch = path.with_name(f".{path.name}.scratch-{os.getpid()}")
    try:
        remove(scratch)
        yield scratch
    except BaseException:
        remove_for_good(scratch)
        raise
    remove(scratch)


def check_output(path: Path, overwrite: bool) -> None:
    """Make sure that an output may be written to `path`.

    Raises
    ------
    InputError
        If it exists and `overwrite` is False, or is a folder of something else, or its folder is missing.
    """
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist; create it first")
    if not path.exists():
        return
    if not overwrite:
        raise InputError(f"{path}: exists already; choose another name, or allow to overwrite it")
    if path.is_dir() and not (is_zarr(path) or precomputed.can_read(path)):
        raise InputError(
            f"{path}: is a folder but neither Zarr store nor precomputed, so it is not overwritten; choose another name"
        )


@contextmanager
def told_to_the_user(path: Path) -> Iterator[None]:
    """Turn the errors of a disk that is full or can't be written into an `InputError` that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in _ADVICE:
            raise
        raise InputError(f"{path}: can't be written: {_ADVICE[error.errno]}") from error


def put_in_place(new: Path, path: Path) -> None:
    """Rename `new` to `path`, in place of what is there."""
    if not path.exists():
        new.replace(path)
        return
    old = path.with_name(f".{path.name}.old-{os.getpid()}")
    path.replace(old)
    try:
        new.replace(path)
    except BaseException:
        old.replace(path)
        raise
    remove(old)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def remove_for_good(path: Path) -> None:
    """Remove `path` until it stays away: Zarr's threads go on writing the other chunks of a block that failed."""
    quiet, end = 0, time.monotonic() + _PATIENCE_S
    while quiet < _QUIET_CHECKS and time.monotonic() < end:
        quiet = 0 if path.exists() else quiet + 1
        with suppress(IsADirectoryError, PermissionError):  # a folder since the look (EPERM: macOS): next round
            remove(path)
        time.sleep(_CHECK_S)
