"""How good are the classes?  Train, predict and score through the command line, beside baselines that need no learning.

    python benchmarks/quality.py [STACK ...] [--seeds 0 1 2] [--seconds 60 240] [--recipes neighbour-forecast]
                                 [--classes 20 40] [--out quality.jsonl] [--no-baselines] [--network]
    python benchmarks/quality.py --report quality.jsonl [--docs docs/reference/quality.md]

STACK is ``phantom-`` and a mode of the phantom, the name of a stack in ../shared/data, or a path to a stack that has
its labels beside it as ``NAME_labels.*``. Every row of the result is one JSON line; rows that are there already are
not made again, so an interrupted benchmark goes on where it was, and two may fill one file at the same time. A job that
fails is told of and left out; the next call tries it again. At the end the tables are printed, mean and standard
deviation over seeds; ``--report`` prints them without any work, and ``--docs`` makes a page of them, with a plot.

Figures are those of ``em-autoclass score`` on the full voxel grid. ``first_map_s`` is from the start of the process to
the first class map, ``seconds`` to the end of training, ``peak_mb`` the larger peak of training and prediction.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from _quality_baselines import BASELINES, SUPERVISED
from _quality_report import print_report, write_page

from napari_em_autoclass import __version__

Row = dict[str, Any]
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_BASELINE_SCRIPT = Path(__file__).with_name("_quality_baselines.py")
_GROUPS = 5
# A map made with labels holds the truth of the first half, so that only figures of the second half tell anything.
_SUPERVISED_FIGURES = ("merged_miou", "iou", "rare_iou")


class JobFailed(Exception):
    """A command ended with an error, whose last words are the message."""


def main() -> int:
    """Make the missing rows and report on all; return 1 if a job failed."""
    args = _arguments()
    failed = 0 if args.report else _work(args)
    rows = read_rows(args.report or args.out)
    if args.docs is not None:
        print(f"written: {', '.join(map(str, write_page(rows, args.docs)))}")
    else:
        print_report(rows)
    return int(failed > 0)


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file, without a line that a killed process left half written."""
    rows = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            print(f"{path}: left out a damaged line", file=sys.stderr)
    return rows


def add_row(path: Path, row: Row) -> None:
    """Append a row in a single write, on a line of its own."""
    is_cut = path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
    with path.open("ab", buffering=0) as file:
        file.write((("\n" if is_cut else "") + json.dumps(row) + "\n").encode())


def jobs(args: argparse.Namespace, stack: str) -> list[Row]:
    """Return the keys of the rows wanted for a stack."""
    wanted: list[Row] = []
    if args.baselines:
        # One seed: k-means and the forest hardly change with it.
        told = SUPERVISED if args.network else SUPERVISED[:1]
        wanted += [{"stack": stack, "recipe": f"baseline {name}", "seed": 0} for name in told]
        names = [f"baseline {name}" for name in BASELINES if name not in SUPERVISED]
        wanted += [
            {"stack": stack, "recipe": name, "classes": k, "seed": 0} for k, name in product(args.classes, names)
        ]
    for classes, seconds, recipe, seed in product(args.classes, args.seconds, args.recipes, args.seeds):
        key = {"stack": stack, "recipe": recipe, "classes": classes, "seed": seed}
        wanted.append({**key, "budget_s": seconds, "set": args.assignments})
    return wanted


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stacks", nargs="*", default=["phantom-sstem", "phantom-fibsem", "phantom-sbfsem"])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--seconds", type=float, nargs="+", default=[240.0])
    parser.add_argument("--recipes", nargs="+", default=["neighbour-forecast"])
    parser.add_argument("--classes", type=int, nargs="+", default=[20])
    parser.add_argument("--set", dest="assignments", action="append", default=[], help="passed on to train")
    parser.add_argument("--no-baselines", dest="baselines", action="store_false")
    parser.add_argument("--network", action="store_true", help="also the recipe's network, trained on labels (minutes)")
    parser.add_argument("--out", type=Path, default=Path("quality.jsonl"))
    parser.add_argument("--report", type=Path, metavar="ROWS", help="only report on these rows")
    parser.add_argument("--docs", type=Path, metavar="PAGE", help="write the report as a Markdown page, with a plot")
    return parser.parse_args()


def _work(args: argparse.Namespace) -> int:
    """Make the missing rows; return how many jobs failed."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for stack in args.stacks:
            data = _data(stack, Path(folder))
            for key in jobs(args, stack):
                # Read anew each time: another process may fill the same file.
                if any(all(row.get(name) == value for name, value in key.items()) for row in read_rows(args.out)):
                    continue
                try:
                    row = {**key, **_measured(key, data), "version": _version(), "cpus": os.cpu_count()}
                except JobFailed as error:
                    failed += 1
                    print(f"failed: {json.dumps(key)}: {error}", file=sys.stderr, flush=True)
                    continue
                add_row(args.out, row)
                print(json.dumps(row), flush=True)
    return failed


def _data(stack: str, folder: Path) -> tuple[Path, Path]:
    """Return the paths of a stack and of its labels."""
    if stack.startswith("phantom-"):
        path = folder / f"{stack}.ome.tif"
        if not path.exists():
            _run(_cli("phantom", path, "--mode", stack.removeprefix("phantom-")))
        return path, folder / f"{stack}_labels.ome.tif"
    path = DATA / f"{stack}.ome.tif" if (DATA / f"{stack}.ome.tif").exists() else Path(stack)
    stem = path.name.split(".")[0]
    labels = sorted(path.parent.glob(f"{stem}_labels.*"))
    if not path.exists() or not labels:
        raise SystemExit(f"{stack}: no such stack, or no {stem}_labels.* beside it")
    return path, labels[0]


def _measured(key: Row, data: tuple[Path, Path]) -> Row:
    volume, labels = data
    name = key["recipe"].removeprefix("baseline ")
    with tempfile.TemporaryDirectory() as folder:
        if name == key["recipe"]:
            out = Path(folder) / "classes.ome.zarr"
            costs = _trained(key, volume, out)
            if costs["collapsed"]:
                return costs
        else:
            out = Path(folder) / "classes.npz"
            words = [str(_BASELINE_SCRIPT), name, volume, labels, key.get("classes", 0), out]
            done = _run([sys.executable, *map(str, words)])
            costs = {"seconds": round(done.seconds, 1), "peak_mb": round(done.peak_mb)}
        if name in SUPERVISED:
            figures = _scored(out, labels)
            return {**{figure: figures[figure] for figure in _SUPERVISED_FIGURES}, **costs}
        groups = ["--volume", volume, "--groups", _GROUPS]
        return {**_scored(out, labels, *groups), "label_free": _scored(out, "--volume", volume), **costs}


def _scored(*words: object) -> Row:
    return dict(json.loads(_run(_cli("score", *words, "--json")).printed))


def _trained(key: Row, volume: Path, out: Path) -> Row:
    """Train and, unless the run collapsed, write the class map; return what it took."""
    run = out.with_name("run")
    wishes = ["--recipe", key["recipe"], "--classes", key["classes"], "--seed", key["seed"], "--json"]
    wishes += [] if key["recipe"] == "filters" else ["--seconds", key["budget_s"]]
    wishes += [word for assignment in key["set"] for word in ("--set", assignment)]
    trained = _run(_cli("train", volume, "--out", run, *wishes), awaited='"SnapshotTaken"', excused='"collapsed"')
    events = [json.loads(line) for line in trained.printed.splitlines()]
    collapsed = events[-1].get("reason") == "collapsed"
    peaks_mb = (
        [trained.peak_mb] if collapsed else [trained.peak_mb, _run(_cli("predict", run, volume, "--out", out)).peak_mb]
    )
    return {
        "collapsed": collapsed,
        "first_map_s": None if trained.awaited_s is None else round(trained.awaited_s, 2),
        "seconds": round(trained.seconds, 1),
        "steps": sum(event["event"] == "StepDone" for event in events),
        "peak_mb": round(max(peaks_mb)),
    }


@cache
def _version() -> str:
    """Return the commit; an installation that can be edited keeps the version of the day it was made."""
    command = ["git", "describe", "--tags", "--always", "--dirty"]
    told = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return told.stdout.strip() or __version__


# --- commands --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    """What a command printed, what it took, and the seconds to the line that was awaited."""

    printed: str
    seconds: float
    peak_mb: float
    awaited_s: float | None


def _cli(*words: object) -> list[str]:
    return [sys.executable, "-m", "napari_em_autoclass", *map(str, words)]


def _run(command: list[str], *, awaited: str = "\n\n", excused: str = "\n\n") -> Done:
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


if __name__ == "__main__":
    sys.exit(main())
