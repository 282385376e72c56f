"""How long the window keeps the user waiting: one line of JSON per scenario, then a table; times in ms.

Three scenarios, each in a process of its own, with sections of 2048 x 2048 in a window of 1400 x 900:

- "napari alone": the same stack and a labels layer, without dock or training: what napari itself costs;
- "training": the dock learns on the processor; event-loop delay, section changes, refreshes of the class map, Stop;
- "254 classes": edits in the list of classes beside a filled class map of 100 sections, each until it was painted.

Run it on a display (or under Xvfb): ``python benchmarks/latency.py [--only training] [--seconds 40]``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from typing import Any

_SCENARIOS = ("napari alone", "training", "254 classes")


def main() -> None:
    """Run the scenarios and print what they measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=40.0, help="of scrolling, and half as long at rest")
    parser.add_argument("--repeats", type=int, default=5, help="of each edit")
    parser.add_argument("--only", choices=_SCENARIOS)
    parser.add_argument("--idle", action="store_const", const=_SCENARIOS[0], dest="only", help="napari alone only")
    parser.add_argument("--here", action="store_true", help="in this process, as for a profiler; needs --only")
    options = parser.parse_args()
    os.environ.setdefault("NAPARI_CONFIG", "")
    if options.here:
        print(json.dumps(measure(options.only, options.seconds, options.repeats)), flush=True)
        return
    found = []
    for name in _SCENARIOS if options.only is None else (options.only,):
        rest = ("--seconds", str(options.seconds), "--repeats", str(options.repeats))
        command = (sys.executable, __file__, "--here", "--only", name, *rest)
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
        print(done.stdout.strip().splitlines()[-1], flush=True)
        found.append(json.loads(done.stdout.strip().splitlines()[-1]))
    for line in table(found):
        print(line)


def measure(name: str, seconds: float, repeats: int) -> dict[str, Any]:
    """Return the figures of one scenario."""
    if name == "254 classes":
        from _latency_classes import measure_classes

        return measure_classes(repeats)
    from _latency_training import measure_alone, measure_training

    return measure_alone(seconds) if name == "napari alone" else measure_training(seconds)


def table(found: list[dict[str, Any]]) -> list[str]:
    """Return the distributions as lines of a table."""
    lines = [f"{'':44} {'n':>6} {'p50':>7} {'p95':>7} {'p99':>7} {'max':>7}"]
    for result in found:
        rows = {k: v for k, v in result.items() if isinstance(v, dict) and "n" in v}
        rows |= result.get("edits_ms", {})
        for name, figures in rows.items():
            numbers = " ".join(f"{figures.get(key, float('nan')):7.1f}" for key in ("p50", "p95", "p99", "max"))
            lines.append(f"{result['scenario']:14} {name:29} {figures['n']:6} {numbers}")
    return lines


if __name__ == "__main__":
    main()
