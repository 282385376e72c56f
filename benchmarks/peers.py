"""Side by side with what one would use instead: the same stacks, the same time to learn, K and scorer.

    python benchmarks/peers.py [--stacks phantom-sstem isbi2012_sstem_l1] [--methods k-means wnet3d iic]
                               [--seconds 60] [--classes 20] [--peer-env FOLDER] [--out FILE]

Each method gets the stack in pixels of about 8 nm, a process of its own, and makes a class map on the full voxel grid,
which ``em-autoclass score`` judges: classes are mapped to structures on the first half of the sections and scored on
the second. WNet3D and Convpaint run in environments of their own, made below FOLDER when they are first needed
(gigabytes, minutes); without ``--peer-env`` they are left out. Methods and their settings are listed in
``_peers_methods.py``; those that learn do so for ``--seconds``, the others take what they take. ``seconds`` in a row is
from the start of the process to the class map, for our recipes training and prediction together; ``peak_mb`` is the
largest memory of any of these processes. A method that can't be run gets a row that says why.

Rows that are in FILE already are not made again, so an interrupted benchmark goes on where it was; those that could not
be run are tried again. ``--report`` only prints what is there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _commands import DATA, JobFailed, scored, stack_and_labels, version
from _peers_methods import DEFAULT, METHODS, Job, make_map
from _peers_words import as_table, in_words

Row = dict[str, Any]
RESULTS = Path(__file__).with_name("results") / "peers.json"
_REAL = ("isbi2012_sstem_l1", "flyem_medulla_ship_sample")
_GROUPS = 5
_FIGURES = ("merged_miou", f"merged_miou_at_{_GROUPS}_groups", "info_share", "v_measure", "classes_used", "iou")
# A map made with labels holds the truth of the first half, so that only figures of the second half tell anything.
_TOLD_FIGURES = ("merged_miou", "iou")


def main() -> int:
    """Make the missing rows, and print all of them with what they say."""
    args = _arguments()
    if not args.report:
        _work(args)
    rows = read_rows(args.out)
    for stack in dict.fromkeys(row["stack"] for row in rows):
        print("", stack, "", *as_table([row for row in rows if row["stack"] == stack]), sep="\n")
    print("", *in_words(rows), sep="\n")
    return 0


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file; none where it isn't."""
    return list(json.loads(path.read_text("utf-8"))["rows"]) if path.exists() else []


def write_rows(path: Path, rows: list[Row]) -> None:
    """Write rows with what they say, the settings behind them and the machine, so that no half file is ever seen."""
    used = dict.fromkeys(row["method"] for row in rows)
    content = {
        "machine": {"processor": _processor(), "cpus": os.cpu_count(), "system": platform.system()},
        "methods": {name: {"title": METHODS[name].title, "settings": METHODS[name].settings} for name in used},
        "words": in_words(rows),
        "rows": rows,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    new.replace(path)


def missing(rows: list[Row], wanted: list[Row]) -> list[Row]:
    """Return the keys of `wanted` for which no row has figures."""
    return [
        key
        for key in wanted
        if not any(row["merged_miou"] is not None and all(row[name] == key[name] for name in key) for row in rows)
    ]


def with_row(rows: list[Row], row: Row) -> list[Row]:
    """Return the rows with one more, which takes the place of one for the same stack, method, K and time.

    Stacks stand together, in the order they came in, and methods in that of `METHODS`.
    """
    names = ("stack", "method", "classes", "budget_s")
    kept = [*(old for old in rows if any(old[name] != row[name] for name in names)), row]
    stacks, methods = list(dict.fromkeys(old["stack"] for old in [*rows, row])), list(METHODS)
    return sorted(kept, key=lambda old: (stacks.index(old["stack"]), methods.index(old["method"])))


def _arguments() -> argparse.Namespace:
    real = [stack for stack in _REAL if (DATA / f"{stack}.ome.tif").exists()]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--stacks", nargs="+", default=["phantom-sstem", *real])
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=DEFAULT, metavar="METHOD")
    parser.add_argument("--seconds", type=float, default=60.0, help="to learn, each")
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--peer-env", type=Path, metavar="FOLDER", help="environments of tools that need their own")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="FILE")
    parser.add_argument("--report", action="store_true", help="only print the rows that are there")
    return parser.parse_args()


def _work(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for stack in args.stacks:
            volume, labels = stack_and_labels(stack, Path(folder))
            job = Job(volume, labels, args.classes, args.seconds, args.peer_env)
            about = {"stack": volume.name.split(".")[0], "classes": args.classes, "budget_s": args.seconds}
            wanted = [{**about, "method": method} for method in args.methods]
            for key in missing(read_rows(args.out), wanted):
                print(f"{time.strftime('%H:%M:%S')} {key['stack']}: {key['method']}", flush=True)
                row = {**key, **_measured(key["method"], job), "version": version()}
                write_rows(args.out, with_row(read_rows(args.out), row))
                told = {name: row.get(name) for name in ("merged_miou", "seconds", "steps", "peak_mb", "note")}
                print("         ", json.dumps(told, ensure_ascii=False), flush=True)


def _measured(method: str, job: Job) -> Row:
    """Return the figures of a method on a stack, or why there are none."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            out, costs = make_map(method, job, Path(folder))
            is_told = METHODS[method].is_told
            found = scored(out, job.labels, *([] if is_told else ["--volume", job.stack, "--groups", _GROUPS]))
            figures = {name: found[name] for name in (_TOLD_FIGURES if is_told else _FIGURES)}
    except JobFailed as error:
        return {"merged_miou": None, "note": f"could not be run here: {str(error).splitlines()[-1]}"}
    except subprocess.CalledProcessError as error:
        words = (error.stderr or "").strip().splitlines() or [str(error)]
        return {"merged_miou": None, "note": f"its environment could not be made: {words[-1]}"}
    return {**figures, **costs, "note": ""}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


if __name__ == "__main__":
    sys.exit(main())
