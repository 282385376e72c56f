"""How near to the limit of the machine everything is, each as a ratio measured in one run.

    python benchmarks/speed.py [--parts step prediction arithmetic warm start curves] [--rounds 5] [--threads 1]
                               [--out benchmarks/results/speed.json]

The two sides of a ratio are timed in turn, A B A B, in processor time, so that other programs fall on both alike; the
median over rounds counts, with the least and the most.  Parts that are not asked for keep the rows of an earlier run.
What is promised stands beside each row; ``benchmarks/page.py`` makes the page from the file.  The dock needs a display
(``scripts/xvfb.sh``).  Fails if a promise that was kept before is broken now.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from _speed_curves import curves
from _speed_pairs import Row, machine
from _speed_start import start_rows, warm_start_rows
from _speed_step import arithmetic_rows, prediction_rows, step_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RESULTS = Path(__file__).with_name("results") / "speed.json"
PARTS: dict[str, Callable[[int], list[Row]]] = {
    "step": step_rows,
    "prediction": prediction_rows,
    "arithmetic": arithmetic_rows,
    "warm": warm_start_rows,
    "start": start_rows,
    "curves": curves,
}


def main() -> int:
    """Measure, print and store; return 1 if a promise that was kept is broken."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    stored: list[Row] = json.loads(args.out.read_text("utf-8")) if args.out.exists() else []
    broken = []
    for part in args.parts:
        measured = [{"part": part, **row, "machine": machine()} for row in PARTS[part](args.rounds)]
        for row in measured:
            print(json.dumps({name: value for name, value in row.items() if name != "machine"}), flush=True)
        broken += newly_broken(stored, measured)
        stored = merged(stored, measured)
        args.out.parent.mkdir(exist_ok=True)
        args.out.write_text(json.dumps(stored, indent=1) + "\n", "utf-8")
    for name in broken:
        print(f"{name} was within its bound before, and is not now", file=sys.stderr)
    return int(bool(broken))


def merged(stored: Sequence[Row], measured: Sequence[Row]) -> list[Row]:
    """Return the rows, of which those measured now replace those of the same part, in the order of `PARTS`."""
    parts = {row["part"] for row in measured}
    rows = [row for row in stored if row["part"] not in parts] + list(measured)
    return sorted(rows, key=lambda row: list(PARTS).index(row["part"]))


def newly_broken(stored: Sequence[Row], measured: Sequence[Row]) -> list[str]:
    """Return the names of promises that were kept in `stored` and are not in `measured`."""
    kept = {row["name"] for row in stored if row.get("kept")}
    return [row["name"] for row in measured if row["name"] in kept and not row["kept"]]


if __name__ == "__main__":
    sys.exit(main())
