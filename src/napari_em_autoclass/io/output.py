"""Outputs that are whole or not there: written beside their place, renamed at the end."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.zarr_store import is_zarr

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["new_output", "scratch_folder"]

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
    _check(path, overwrite)
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        with _told_to_the_user(path):
            _remove(partial)  # of a process that died and had the same number
            yield partial
            _swap(partial, path)
    finally:
        _remove(partial)


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """Give the path of a temporary sibling of `path`, on the same disk, and remove what was put there at the end."""
    scratch = path.with_name(f".{path.name}.scratch-{os.getpid()}")
    try:
        _remove(scratch)
        yield scratch
    finally:
        _remove(scratch)


def _check(path: Path, overwrite: bool) -> None:
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist; create it first")
    if not path.exists():
        return
    if not overwrite:
        raise InputError(f"{path}: exists already; choose another name, or allow to overwrite it")
    if path.is_dir() and not is_zarr(path):
        raise InputError(f"{path}: is a folder but no Zarr store, so it is not overwritten; choose another name")


@contextmanager
def _told_to_the_user(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _ADVICE:
            raise
        raise InputError(f"{path}: can't be written: {_ADVICE[error.errno]}") from error


def _swap(new: Path, path: Path) -> None:
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
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
