"""One writer per run folder: a lock that goes with its process, however that ends.

``run.lock`` names the process that writes, and is locked by the operating system, which lets go of it when the process
is gone: killed, crashed or without power.  So a file that is there but not locked is the trace of a writer that did
not come to its end.  Whoever ends in order removes it.  Reading a run needs no lock.

Some network shares know no locks, or know them on each machine alone.  Therefore the holder also gives a sign of life
every few seconds, the time of the file; a holder on another machine (or any holder, where there are no locks) counts as
gone once it has been silent for a minute.  Both times compared are those of the share: the machines' clocks may differ.
A holder that was silent for so long, and finds itself replaced, must not write again: `RunLock.check` says so.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import threading
import time
import uuid
import weakref
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["LOCK_NAME", "Holder", "RunLock", "locked_briefly", "was_left_behind", "writer_of"]

LOCK_NAME: Final = "run.lock"

_BEAT_S: Final = 5.0
_SILENT_S: Final = 60.0  # twelve beats: a share that hangs for a while must not look like a crash
_TRIES: Final = 6  # somebody who only looks holds the lock for an instant
_BETWEEN_TRIES_S: Final = 0.1
_LOCKED_BYTE: Final = 2**30  # Windows lets nobody read a locked byte; the text must stay readable


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that writes, or wrote, into a run folder."""

    pid: int
    host: str
    since: str
    token: str = ""

    @classmethod
    def here(cls) -> Holder:
        """Return this process."""
        return cls(os.getpid(), platform.node(), datetime.now().isoformat(" ", "seconds"), uuid.uuid4().hex)

    @property
    def is_this_process(self) -> bool:
        """Whether it is the caller's own."""
        return self.is_on_this_machine and self.pid == os.getpid()

    @property
    def is_on_this_machine(self) -> bool:
        """Whether it runs, or ran, on the machine of the caller."""
        return self.host == platform.node()

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"


class RunLock:
    """The right to write into a run folder, held until `release`, or until nobody refers to it any more."""

    def __init__(self, path: Path, number: int, holder: Holder) -> None:
        self._path, self._holder = path, holder
        stop = threading.Event()
        self._let_go = weakref.finalize(self, _let_go, path, number, holder, stop)
        threading.Thread(target=_beat, args=(path, number, stop), name="run lock", daemon=True).start()

    @classmethod
    def take(cls, folder: Path) -> RunLock:
        """Take the lock of `folder`, which must be there.

        Raises
        ------
        InputError
            If another process, or another training of this one, writes there.
        OSError
            If the folder can't be written to.
        """
        path = folder / LOCK_NAME
        number, holder = _taken(path), Holder.here()
        try:
            os.ftruncate(number, 0)
            os.lseek(number, 0, os.SEEK_SET)
            os.write(number, json.dumps(asdict(holder)).encode())
        except OSError:  # the disk is full
            os.close(number)
            raise
        return cls(path, number, holder)

    def check(self) -> None:
        """Make sure that nobody else took the lock: this process may have been asleep, or the share away.

        A share that can't be read just now is no reason: writing will fail too, and be tried again.

        Raises
        ------
        InputError
            If somebody did.
        """
        found = _read(self._path)
        if found is not None and found.token != self._holder.token:
            raise InputError(f"{self._path.parent} was taken over by {found}; nothing more is written there from here")

    def release(self) -> None:
        """Let others write; a second time nothing happens."""
        self._let_go()


def writer_of(folder: Path) -> Holder | None:
    """Return who writes into `folder` now, None if nobody does."""
    holder = _read(folder / LOCK_NAME)
    return holder if holder is not None and _is_held(folder / LOCK_NAME, holder) else None


def was_left_behind(folder: Path) -> bool:
    """Return whether the last writer of `folder` is gone without having come to its end."""
    path = folder / LOCK_NAME
    holder = _read(path)
    # An empty file too: killed between making it and writing into it.
    return path.exists() and not (holder is not None and _is_held(path, holder))


@contextmanager
def locked_briefly(path: Path, patience_s: float = 5.0) -> Iterator[None]:
    """Hold the lock file `path` for the moment that a read and a write take.

    Where there are no locks, or whoever holds it does not let go, it goes on without: the lock makes a rare loss
    impossible, and must not make every save impossible.
    """
    number = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        give_up_at = time.monotonic() + patience_s
        while _locked(number) is False and time.monotonic() < give_up_at:
            time.sleep(0.01)
        yield
    finally:
        # It stays: were it removed, two processes could hold the locks of two files of the same name.
        os.close(number)


def _taken(path: Path) -> int:
    """Return the open, locked file."""
    for attempt in range(_TRIES):
        number = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            locked = _locked(number)
            holder = _read(path)
            if locked is not False and _is_file_of(number, path) and not _is_alive_elsewhere(path, holder, locked):
                return number
        except BaseException:
            os.close(number)
            raise
        os.close(number)
        if attempt + 1 < _TRIES:
            time.sleep(_BETWEEN_TRIES_S)
    who = "another program" if holder is None else str(holder)
    after_crash = "" if holder is None or holder.is_on_this_machine else f"; if it crashed, wait {_SILENT_S:g} s"
    raise InputError(f"{path.parent} is being written by {who}; stop that one first, or copy the run{after_crash}")


def _is_file_of(number: int, path: Path) -> bool:
    """Return whether the open file is still the one of that name: its last holder removes it."""
    try:
        return os.path.samestat(os.fstat(number), os.stat(path))
    except FileNotFoundError:
        return False


def _is_alive_elsewhere(path: Path, holder: Holder | None, locked: bool | None) -> bool:
    """Return whether a holder gives signs of life that the lock of the operating system does not tell of."""
    if holder is None or (holder.is_on_this_machine and (locked or not _is_running(holder.pid))):
        return False
    return _silent_s(path) < _SILENT_S


def _is_held(path: Path, holder: Holder) -> bool:
    try:
        number = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        locked = _locked(number, shared=True)
        return locked is False or _is_alive_elsewhere(path, holder, locked)
    finally:
        os.close(number)


def _let_go(path: Path, number: int, holder: Holder, stop: threading.Event) -> None:
    stop.set()
    if holder.pid != os.getpid():  # a child of ours, forked: the lock is not its own
        return
    found = _read(path)
    is_ours = found is not None and found.token == holder.token
    if sys.platform == "win32":
        os.close(number)  # an open file can't be removed there
    with suppress(OSError):
        if is_ours:
            path.unlink()
    if sys.platform != "win32":
        os.close(number)  # only now: who locks it in between finds it removed, and tries again


def _read(path: Path) -> Holder | None:
    try:
        told = json.loads(path.read_bytes()[:4096])
        return Holder(int(told["pid"]), str(told["host"]), str(told["since"]), str(told["token"]))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _beat(path: Path, number: int, stop: threading.Event) -> None:
    while not stop.wait(_BEAT_S):
        with suppress(OSError):  # a share that is away for a while
            os.utime(number if os.utime in os.supports_fd else path)


def _silent_s(path: Path) -> float:
    """Return how long ago the holder gave a sign of life, by the clock of the disk it is on."""
    try:
        last = path.stat().st_mtime
        # A time to come: the clock was put back since, and the holder has not even given one sign after that.
        return abs(_now_at(path) - last)
    except OSError:
        return float("inf")


def _now_at(path: Path) -> float:
    probe = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        probe.write_bytes(b"now")
        return probe.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


# --- the operating systems -------------------------------------------------------------------------------------------


def _is_running(pid: int) -> bool:
    if sys.platform == "win32":
        return True  # asking there ends the process; its signs of life decide
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


if sys.platform == "win32":
    import msvcrt

    def _locked(number: int, *, shared: bool = False) -> bool | None:
        """Lock an open file; return False if somebody else has it, None where there are no locks."""
        os.lseek(number, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        except OSError:
            return None
        finally:
            os.lseek(number, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _locked(number: int, *, shared: bool = False) -> bool | None:
        """Lock an open file; return False if somebody else has it, None where there are no locks."""
        try:
            fcntl.flock(number, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # ENOLCK, EOPNOTSUPP, ENOSYS: this share has none
            return None
        return True
