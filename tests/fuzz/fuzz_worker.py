"""Tries damaged files one after the other, in a process of its own whose memory is limited.

    python tests/fuzz/fuzz_worker.py KIND,KIND,... FIRST COUNT FOLDER

Prints one line of JSON: by kind how many opened, how many were refused, and what else happened.
"""

from __future__ import annotations

import faulthandler
import json
import resource
import signal
import sys
import traceback
import warnings
from pathlib import Path
from random import Random
from typing import Any, NoReturn

from fuzz_targets import TARGETS, Target

from napari_em_autoclass.core.errors import InputError

SPARE_BYTES = 3 * 2**30
HANGS_S = 20.0
MOST_FAILURES = 8


class Hang(BaseException):
    """A file takes far too long; no `except Exception` may take it for damage."""


def main(kinds: list[str], first: int, count: int, folder: Path) -> dict[str, dict[str, Any]]:
    """Return by kind what became of the files number `first` and the `count` - 1 that follow."""
    signal.signal(signal.SIGALRM, _on_alarm)
    found: dict[str, dict[str, Any]] = {kind: {"opened": 0, "refused": 0, "failures": []} for kind in kinds}
    made = {kind: _made(TARGETS[kind], folder / kind.replace(" ", "-")) for kind in kinds}
    _limit_memory()
    for kind, (at, good) in made.items():
        for number in range(first, first + count):
            at.unlink(missing_ok=True)  # another file each time: the last one may still be mapped, or open
            at.write_bytes(TARGETS[kind].damage(Random(f"{kind} {number}"), good))
            outcome = _outcome(TARGETS[kind], folder / kind.replace(" ", "-"), at)
            if outcome in ("opened", "refused"):
                found[kind][outcome] += 1
            else:
                found[kind]["failures"].append(f"{kind} {number}: {outcome}")
            if len(found[kind]["failures"]) >= MOST_FAILURES:
                break
    return found


def _made(target: Target, folder: Path) -> tuple[Path, bytes]:
    """Return where the good file is, and what is in it."""
    folder.mkdir(parents=True)
    at = target.make(folder)
    good = at.read_bytes()
    target.use(folder, at)  # must open
    return at, good


def _outcome(target: Target, folder: Path, at: Path) -> str:
    faulthandler.dump_traceback_later(3 * HANGS_S, exit=True)  # for what no signal ends
    signal.setitimer(signal.ITIMER_REAL, HANGS_S)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            target.use(folder, at)
    except InputError as error:
        return "refused" if _is_honest(error) else f"memory: {_told(error)}"
    except BaseException as error:
        return _told(error)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
    return "opened"


def _is_honest(error: BaseException | None) -> bool:
    """Tell whether a refusal is none that only the limit on memory brought about."""
    while error is not None:
        if isinstance(error, MemoryError) or "allocate memory" in str(error):
            return False
        error = error.__cause__ or error.__context__
    return True


def _told(error: BaseException) -> str:
    frames = traceback.format_exception(error)
    return f"{type(error).__name__}: {str(error)[:200]} | {''.join(frames)[-1200:]}"


def _limit_memory() -> None:
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + SPARE_BYTES, resource.RLIM_INFINITY))


def _on_alarm(*_: object) -> NoReturn:
    raise Hang


if __name__ == "__main__":
    faulthandler.enable()
    sys.stdout.write(json.dumps(main(sys.argv[1].split(","), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))))
