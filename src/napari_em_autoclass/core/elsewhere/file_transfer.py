"""A run folder as bytes, on its way between machines that share no disk."""

from __future__ import annotations

import re
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from napari_em_autoclass.core.checkpoint import write_atomically
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.run_lock import LOCK_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Mark", "read_files", "write_files"]

_NAME: Final = re.compile(r"(\w[\w.-]*/)?\w[\w.-]*")
# Names and merges are the user's, who edits them where the run was ordered.
_THEIRS: Final = frozenset({"classes.json"})


def read_files(run_dir: Path) -> dict[str, bytes]:
    """Return the files of a run by their name in the folder, hidden ones and the lock left out.

    The weights first: rows of the log beyond them are cut off when the run goes on, missing rows would be missing.
    """
    names = [path.relative_to(run_dir).as_posix() for path in run_dir.rglob("*") if path.is_file()]
    known = [name for name in names if _NAME.fullmatch(name) and name != LOCK_NAME]
    wanted = sorted(known, key=lambda name: (name != _WEIGHTS, name))
    found = {}
    for name in wanted:
        with suppress(FileNotFoundError):  # replaced by another while we looked
            found[name] = (run_dir / name).read_bytes()
    return found


def write_files(run_dir: Path, files: Mapping[str, bytes], known: Mapping[str, bytes]) -> None:
    """Store `files` in a run folder, the weights last; those that are as in `known`, or the user's own, stay.

    Raises
    ------
    InputError
        If a name leads out of the folder, or it can't be written to.
    """
    bad = next((name for name in files if not _NAME.fullmatch(name)), None)
    if bad is not None:
        raise InputError(f"the worker sent a file named {bad!r}, which is no file of a run; is it the right worker?")
    try:
        for name in sorted(files, key=lambda name: name == _WEIGHTS):
            path = run_dir / name
            if (name in _THEIRS and path.exists()) or (known.get(name) == files[name] and path.exists()):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, files[name])
    except OSError as error:
        raise InputError(f"can't write to {run_dir} ({error.strerror or error}); choose another folder") from error


class Mark:
    """A file that tells whether another machine sees the same folder; gone when the block ends.

    Parameters
    ----------
    folder : need not exist; the nearest folder above it that does is marked
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def __enter__(self) -> Path | None:
        """Return the file, or None if nothing can be written there."""
        there = next(above for above in _and_above(self._folder) if above.is_dir())
        try:
            descriptor, name = tempfile.mkstemp(prefix=".em-autoclass-", dir=there)
        except OSError:
            self._file = None
            return None
        import os  # noqa: PLC0415

        os.close(descriptor)
        self._file = Path(name)
        return self._file

    def __exit__(self, *_: object) -> None:
        """Remove the file."""
        if self._file is not None:
            self._file.unlink(missing_ok=True)


def _and_above(folder: Path) -> Iterator[Path]:
    yield folder
    yield from folder.parents


_WEIGHTS: Final = "weights.safetensors"
