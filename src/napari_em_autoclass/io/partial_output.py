"""An output that survives whoever writes it: ``X.partial`` grows until it is complete, and then becomes X.

In the folder lie ``job.json``, which says what is being made and in which subfolder, and ``run.lock``, which the
operating system lets go of when the writer dies.  A job begun anew gets a subfolder of a new name, so that a task of
the old one which is still running somewhere can't write into the new.
"""

from __future__ import annotations

import json
import re
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from napari_em_autoclass.core.checkpoint import write_atomically
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.run_lock import LOCK_NAME, RunLock
from napari_em_autoclass.io.output import check_output, put_in_place, remove, remove_for_good, told_to_the_user

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["PartialOutput", "partial_path"]

_JOB: Final = "job.json"
_SCHEMA: Final = 1
_MAX_JOB_BYTES: Final = 2**20


def partial_path(path: Path) -> Path:
    """Return where the output at `path` grows."""
    return path.with_name(f"{path.name}.partial")


class PartialOutput:
    """The growing output of one job, locked for this process; get one by `begin`."""

    def __init__(self, path: Path, folder: Path, lock: RunLock) -> None:
        self.path, self.folder = path, folder
        self._lock: RunLock | None = lock
        self.data = folder

    @classmethod
    def begin(cls, paths: Sequence[Path], job: Mapping[str, str], *, overwrite: bool, restart: bool) -> Self:
        """Return the output of a job, as far as it had come.

        Parameters
        ----------
        paths : of the output, and of what comes beside it
        job : what decides over its voxels, each by name; an unfinished output of another job is refused
        overwrite : whether what is at `paths` may be replaced when the new output is complete
        restart : whether to begin anew whatever there is

        Raises
        ------
        InputError
            If one of `paths` exists and may not be replaced, another process writes it, what is unfinished there is of
            another job, or the disk can't be written.
        """
        path = paths[0]
        with told_to_the_user(path):
            partial = cls._locked(path) if partial_path(path).is_dir() else None
            try:
                if partial is not None and partial._was_complete():
                    partial = None
                for each in paths:
                    check_output(each, overwrite)
                partial = partial or cls._locked(path)
                partial._open(job, restart)
            except BaseException:
                if partial is not None:
                    partial._let_go()
                raise
        return partial

    @classmethod
    def tidy(cls, path: Path) -> None:
        """Remove what a job left beside `path` that died when its output was complete; anything else is left alone."""
        if not partial_path(path).is_dir():
            return
        with suppress(InputError, OSError):  # held by another process, or damaged: who goes on with it is told
            partial = cls._locked(path)
            try:
                partial._was_complete()
            finally:
                partial._let_go()

    @classmethod
    def _locked(cls, path: Path) -> Self:
        folder = partial_path(path)
        folder.mkdir(exist_ok=True)
        return cls(path, folder, RunLock.take(folder))

    @property
    def is_new(self) -> bool:
        """Whether nothing has been made of it yet: the caller makes it, and then calls `commit`."""
        return not self.data.is_dir()

    def commit(self, moves: Mapping[str, Path] | None = None) -> None:
        """Write down that `data` is there, ready for its blocks; or, with `moves`, that it is complete."""
        content: dict[str, Any] = {"schema": _SCHEMA, "folder": self.data.name, "job": self._job}
        if moves:
            content["moves"] = {name: path.name for name, path in moves.items()}
        write_atomically(self.folder / _JOB, json.dumps(content, indent=1).encode())

    def check(self) -> None:
        """Make sure that nobody else has taken the output over.

        Raises
        ------
        InputError
            If somebody has.
        """
        if self._lock is not None:
            self._lock.check()

    def finish(self, moves: Mapping[str, Path]) -> None:
        """Put each file or folder in `data` of that name in its place, and leave nothing else behind.

        A crash in between is mended by the next `begin`.
        """
        self.commit(moves)
        self._move({name: path.name for name, path in moves.items()})
        self.discard()

    def discard(self) -> None:
        """Remove all there is of it."""
        remove_for_good(self.data)
        remove(self.folder / _JOB)
        self._let_go()

    def release(self) -> None:
        """Let another process go on with it."""
        if self._lock is not None:
            self._lock.release()
        self._lock = None

    def _let_go(self) -> None:
        self.release()
        with suppress(OSError):  # something is kept in it, or somebody else has begun
            self.folder.rmdir()

    def _was_complete(self) -> bool:
        """Tell whether the job died when all was done but to put it in its place or to tidy up; if so, do that."""
        found = self._read()
        if found is None or not found.get("moves"):
            return False
        self.data = self.folder / found["folder"]
        self._move(found["moves"])
        self.discard()
        return True

    def _move(self, moves: Mapping[str, str]) -> None:
        for name, place in moves.items():
            if (self.data / name).exists():
                put_in_place(self.data / name, self.path.with_name(place))

    def _open(self, job: Mapping[str, str], restart: bool) -> None:
        self._job = dict(job)
        found = self._read()
        others = [child.name for child in self.folder.iterdir() if not _is_ours(child.name)]
        if others:
            raise InputError(
                f"{self.folder} holds {others[0]}, which is no unfinished output's; move it, or choose another name"
            )
        if found is not None and not restart:
            self._compare(found["job"])
            self.data = self.folder / found["folder"]
            return
        for child in self.folder.iterdir():
            if child.name != LOCK_NAME:
                remove(child)
        self.data = self.folder / uuid.uuid4().hex

    def _read(self) -> dict[str, Any] | None:
        """Return what job.json says; None if it is not there, or its folder is gone before it was complete."""
        try:
            with (self.folder / _JOB).open("rb") as file:
                found = json.loads(file.read(_MAX_JOB_BYTES))
            is_sound = found["schema"] == _SCHEMA and isinstance(found["job"], dict)
            is_sound = is_sound and re.fullmatch("[0-9a-f]{32}", found["folder"]) is not None
            # Names only: nobody's job.json moves files from or to other folders.
            named = [name for pair in found.get("moves", {}).items() for name in pair]
            is_sound = is_sound and all(name and Path(name).name == name != ".." for name in named)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            is_sound = False
        if not is_sound:
            raise InputError(
                f"{self.folder / _JOB} is damaged, or of another version; remove {self.folder} to begin anew"
            )
        return found if found.get("moves") or (self.folder / found["folder"]).is_dir() else None

    def _compare(self, before: dict[str, Any]) -> None:
        differ = [name for name in self._job if before.get(name) != self._job[name]]
        if differ:
            raise InputError(
                f"{self.folder} is an unfinished output with {' and '.join(f'another {name}' for name in differ)}; "
                "begin anew by --restart, or choose another name"
            )


def _is_ours(name: str) -> bool:
    """Tell whether a file or folder of that name comes from here, temporary ones of the lock and the job included."""
    return re.fullmatch(rf"[0-9a-f]{{32}}|\.?({re.escape(_JOB)}|{re.escape(LOCK_NAME)})(\..*)?", name) is not None
