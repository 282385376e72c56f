"""Commands that benchmarks run and measure, and the stacks they run them on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from napari_em_autoclass import __version__

__all__ = [
    "DATA",
    "Done",
    "JobFailed",
    "em_autoclass",
    "run_command",
    "scored",
    "stack_and_labels",
    "trained_map",
    "version",
]

Row = dict[str, Any]
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


class JobFailed(Exception):
    """A command ended with an error, whose last words are the message."""


@dataclass(frozen=True)
class Done:
    """What a command printed, what it took, and the seconds to the line that was awaited."""

    printed: str
    seconds: float
    peak_mb: float
    awaited_s: float | None


def em_autoclass(*words: object) -> list[str]:
    """Return the command line of ``em-autoclass`` with these words."""
    return [sys.executable, "-m", "napari_em_autoclass", *map(str, words)]


def run_command(command: list[str], *, awaited: str = "\n\n", excused: str = "\n\n") -> Done:
    """Run a command, noting when it prints a line with `awaited`; an error is no failure after a line with `excused`.

    Raises
    ------
    JobFailed
        If it ends with an error.
    """
    start, awaited_s, lines = time.perf_counter(), None, list[str]()
    with tempfile.TemporaryFile("w+") as complaint:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaint, text=True)
        assert process.stdout is not None
        with process.stdout as printed:
            for line in printed:
                if awaited_s is None and awaited in line:
                    awaited_s = time.perf_counter() - start
                lines.append(line)
        # wait4 and not wait: it tells the peak memory of this child alone.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode and excused not in "".join(lines[-1:]):
            complaint.seek(0)
            raise JobFailed((complaint.read().strip() or "".join(lines[-1:]).strip())[-500:])
    return Done("".join(lines), time.perf_counter() - start, usage.ru_maxrss / 1024, awaited_s)


def stack_and_labels(stack: str, folder: Path) -> tuple[Path, Path]:
    """Return the paths of a stack and of its labels; ``phantom-MODE`` is made in `folder` if it isn't there."""
    if stack.startswith("phantom-"):
        path = folder / f"{stack}.ome.tif"
        if not path.exists():
            run_command(em_autoclass("phantom", path, "--mode", stack.removeprefix("phantom-")))
        return path, folder / f"{stack}_labels.ome.tif"
    path = DATA / f"{stack}.ome.tif" if (DATA / f"{stack}.ome.tif").exists() else Path(stack)
    stem = path.name.split(".")[0]
    labels = sorted(path.parent.glob(f"{stem}_labels.*"))
    if not path.exists() or not labels:
        raise SystemExit(f"{stack}: no such stack, or no {stem}_labels.* beside it")
    return path, labels[0]


def trained_map(key: Row, volume: Path, out: Path) -> Row:
    """Train as `key` says and, unless the run collapsed, write the class map; return what it took.

    `key` has `recipe`, `classes`, `seed`, `budget_s` and, as a list for ``--set``, `set`.
    """
    run = out.with_name("run")
    wishes = ["--recipe", key["recipe"], "--classes", key["classes"], "--seed", key["seed"], "--json"]
    wishes += [] if key["recipe"] == "filters" else ["--seconds", key["budget_s"]]
    wishes += [word for assignment in key["set"] for word in ("--set", assignment)]
    train = em_autoclass("train", volume, "--out", run, *wishes)
    trained = run_command(train, awaited='"SnapshotTaken"', excused='"collapsed"')
    events = [json.loads(line) for line in trained.printed.splitlines()]
    collapsed = events[-1].get("reason") == "collapsed"
    predicted = None if collapsed else run_command(em_autoclass("predict", run, volume, "--out", out))
    return {
        "collapsed": collapsed,
        "first_map_s": None if trained.awaited_s is None else round(trained.awaited_s, 2),
        "seconds": round(trained.seconds, 1),
        "predict_s": None if predicted is None else round(predicted.seconds, 1),
        "steps": sum(event["event"] == "StepDone" for event in events),
        "peak_mb": round(max(done.peak_mb for done in (trained, predicted) if done is not None)),
    }


def scored(*words: object) -> Row:
    """Return the figures of ``em-autoclass score`` with these words."""
    return dict(json.loads(run_command(em_autoclass("score", *words, "--json")).printed))


@cache
def version() -> str:
    """Return the commit; an installation that can be edited keeps the version of the day it was made."""
    command = ["git", "describe", "--tags", "--always", "--dirty"]
    told = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return told.stdout.strip() or __version__
