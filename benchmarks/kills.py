"""Does anything get lost when a process is killed?  Each job is killed (`kill -9`) at random moments and started again.

    python benchmarks/kills.py [--what train] [--kills 50] [--seed 0] [--per-round 5] [--keep FOLDER]

A round is one job: it is started, killed at a random moment, started again, and so on `--per-round` times; then it runs
to its end.  After each kill everything on disk must be sound; at the end the result must be, bit for bit, that of a job
that nobody disturbed.  Fails when anything differs.

train    `em-autoclass train`, then `train --resume`
predict  `em-autoclass predict`, and the same command again
worker   one of the processes that `em-autoclass predict --workers 2` starts; the command itself should survive it
dock     the window while it learns and names are given (wants a screen: xvfb-run); then `train --resume`
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _kills_jobs import JOBS, Job

if TYPE_CHECKING:
    from collections.abc import Iterator


def main() -> int:
    """Print a line per kill and a summary per job, all JSON; return 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--what", nargs="+", choices=sorted(JOBS), default=["train"])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--per-round", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for everything that is made; else it is removed")
    wishes = parser.parse_args()
    lost = 0
    with tempfile.TemporaryDirectory() as made:
        for name in wishes.what:
            place = (wishes.keep or Path(made)) / name
            place.mkdir(parents=True)
            rows = list(killed(JOBS[name](place), wishes.kills, wishes.per_round, random.Random(wishes.seed)))
            for row in rows:
                print(json.dumps(row), flush=True)
            lost += sum(len(row["lost"]) for row in rows)
            print(json.dumps({"what": name, **summary(rows)}), flush=True)
    return int(lost > 0)


def killed(job: Job, n_kills: int, per_round: int, rng: random.Random) -> Iterator[dict[str, Any]]:
    """Yield a row per round until `n_kills` kills were done."""
    took_s = undisturbed(job)
    done, number, in_vain = 0, 0, 0
    while done < n_kills:
        folder = job.place / f"round-{number}"
        row = one_round(job, folder, [rng.uniform(0, took_s) for _ in range(min(per_round, n_kills - done))])
        done += row["kills"]
        number += 1
        yield {"what": job.name, "round": number, **row}
        in_vain = 0 if row["kills"] else in_vain + 1
        if in_vain > 9:
            raise SystemExit(f"{job.name}: ends before it can be killed; give it more to do")


def undisturbed(job: Job) -> float:
    """Do the job once, and return how long it took, in seconds."""
    job.prepare()
    began = time.perf_counter()
    process = job.start(job.place / "whole")
    if process.wait() != 0:
        raise SystemExit(f"{job.name}: failed undisturbed: {' '.join(map(str, process.args))}")
    return time.perf_counter() - began


def one_round(job: Job, folder: Path, waits_s: list[float]) -> dict[str, Any]:
    """Return how often the job was killed, when, and what was lost."""
    at_s, lost = list[float](), list[str]()
    for wait_s in waits_s:
        process = job.start(folder)
        try:
            process.wait(wait_s)
            break  # done before its time was up
        except subprocess.TimeoutExpired:
            if job.kill(process):
                at_s.append(round(wait_s, 2))
        lost += [f"after {wait_s:.2f} s: {what}" for what in job.unsound(folder)]
    if job.finish(folder) != 0:
        lost.append("could not be brought to its end")
    lost += job.unsound(folder) + job.differences(folder, job.place / "whole")
    return {"kills": len(at_s), "at_s": at_s, "lost": lost}


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the sums over all rounds."""
    lost = [what for row in rows for what in row["lost"]]
    return {"kills": sum(row["kills"] for row in rows), "rounds": len(rows), "lost": len(lost), "examples": lost[:5]}


if __name__ == "__main__":
    sys.exit(main())
