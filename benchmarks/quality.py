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
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

from _commands import JobFailed, run_command, scored, stack_and_labels, trained_map, version
from _quality_baselines import BASELINES, SUPERVISED
from _quality_report import print_report, write_page

Row = dict[str, Any]
_BASELINE_SCRIPT = Path(__file__).with_name("_quality_baselines.py")
_GROUPS = 5
# A map made with labels holds the truth of the first half, so that only figures of the second half tell anything.
_SUPERVISED_FIGURES = ("merged_miou", "iou", "rare_iou")


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
            data = stack_and_labels(stack, Path(folder))
            for key in jobs(args, stack):
                # Read anew each time: another process may fill the same file.
                if any(all(row.get(name) == value for name, value in key.items()) for row in read_rows(args.out)):
                    continue
                try:
                    row = {**key, **_measured(key, data), "version": version(), "cpus": os.cpu_count()}
                except JobFailed as error:
                    failed += 1
                    print(f"failed: {json.dumps(key)}: {error}", file=sys.stderr, flush=True)
                    continue
                add_row(args.out, row)
                print(json.dumps(row), flush=True)
    return failed


def _measured(key: Row, data: tuple[Path, Path]) -> Row:
    volume, labels = data
    name = key["recipe"].removeprefix("baseline ")
    with tempfile.TemporaryDirectory() as folder:
        if name == key["recipe"]:
            out = Path(folder) / "classes.ome.zarr"
            costs = trained_map(key, volume, out)
            if costs["collapsed"]:
                return costs
        else:
            out = Path(folder) / "classes.npz"
            words = [str(_BASELINE_SCRIPT), name, volume, labels, key.get("classes", 0), out]
            done = run_command([sys.executable, *map(str, words)])
            costs = {"seconds": round(done.seconds, 1), "peak_mb": round(done.peak_mb)}
        if name in SUPERVISED:
            figures = scored(out, labels)
            return {**{figure: figures[figure] for figure in _SUPERVISED_FIGURES}, **costs}
        groups = ["--volume", volume, "--groups", _GROUPS]
        return {**scored(out, labels, *groups), "label_free": scored(out, "--volume", volume), **costs}


if __name__ == "__main__":
    sys.exit(main())
