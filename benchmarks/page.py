"""Make the page of benchmarks from the rows that the benchmarks left in `benchmarks/results`: nothing is measured.

    python benchmarks/page.py [--results benchmarks/results] [--out docs/reference/benchmarks.md]

Rows come from ``speed.py`` (speed.json) and ``peers.py`` (peers.json); what is absent is left out. The curves are drawn
beside the page's pictures, as ``docs/images/speed.svg``.
"""

from __future__ import annotations

import argparse
import json
from itertools import groupby
from pathlib import Path
from typing import Any

from _peers_words import as_table, in_words, settings_in_words
from _speed_plot import draw_curves

Row = dict[str, Any]
ROOT = Path(__file__).parents[1]

_HEAD = """# Benchmarks

What is promised of speed, and what was measured; then our recipes beside what one would use instead. This page
is made by `python benchmarks/page.py` from the rows in `benchmarks/results`, each of which is made by a script.
Quality over seeds and stacks, waiting in the dock, and the memory of large volumes are in
[figures](figures.md).
"""
_SPEED = """## Near the limit

`scripts/xvfb.sh .venv/bin/python benchmarks/speed.py`. Both sides of a ratio are timed in turn in one process,
in processor time on one thread, so that other programs fall on both alike; the median over rounds counts.
*Networks* are the forward and backward passes of a step of the default recipe, as many and as large, on tensors
that lie ready, from ready gradients: no losses, no drawing of tiles, no contrast, no optimiser. *With losses*
the recipe's losses are in it too. Early is before, late after the refinement begins (70 %); the row without
either is the mean over a training.
"""
_PEERS = """## Beside what one would use instead

`python benchmarks/peers.py`: the same stacks, K and scorer for all, and the same time for those that train.
"""
_WHY = {
    "step": (
        "The recipe's losses are in the step and not in the networks' passes, and are a good part of the difference; "
        "the rest is as below."
    ),
    "step_loss": "What is beside networks and losses: drawing and turning tiles, contrast, the optimiser, the log.",
    "predict": (
        "The network sees working pixels, the map is in voxels, four times as many here: enlarging and comparing "
        "twenty classes is most of the loss, reading and normalising the rest."
    ),
    "arithmetic": (
        "With 16 channels at full resolution a network moves more bytes for each operation than a large convolution "
        "does; batch norm, pooling, enlarging, softmax and filter bank take time and count few operations or none."
    ),
    "dock": "Torch, readers and settings are loaded later, when needed; the largest part left is pyqtgraph.",
    "help": "What is left is Typer with Rich, which draws the help.",
}


def main() -> None:
    """Write page and picture."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--results", type=Path, default=Path(__file__).with_name("results"))
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "reference" / "benchmarks.md")
    args = parser.parse_args()
    for path in written(args.results, args.out):
        print(path)


def written(results: Path, out: Path) -> list[Path]:
    """Write the page, and the picture of the curves if there are any; return their paths."""
    speed, peers = (_rows(results / name) for name in ("speed.json", "peers.json"))
    curves = [row for row in speed if row["part"] == "curves"]
    picture = out.parent.parent / "images" / "speed.svg"
    if curves:
        picture.write_text(draw_curves(curves), "utf-8")
    out.write_text(page(speed, peers, f"../images/{picture.name}"), "utf-8")
    return [out, picture] if curves else [out]


def page(speed: list[Row], peers: list[Row], picture: str) -> str:
    """Return the page in Markdown."""
    promises = [row for row in speed if row["part"] != "curves"]
    curves = [row for row in speed if row["part"] == "curves"]
    parts = [_HEAD]
    if promises:
        parts += [_SPEED, promise_table(promises), _misses(promises)]
    if curves:
        parts.append(_grown(curves, picture))
    if speed:
        parts.append(_machines(speed))
    if peers:
        parts.append(_PEERS)
        parts += [peers_of(stack, list(rows)) for stack, rows in groupby(peers, key=lambda row: row["stack"])]
        parts.append("\n".join(["### Where a peer is better", "", *(f"- {line}" for line in in_words(peers))]))
        parts.append("\n".join(["### What each was told", "", *(f"- {line}" for line in settings_in_words(peers))]))
    return "\n".join(part.rstrip("\n") + "\n" for part in parts if part)


def promise_table(rows: list[Row]) -> str:
    """Return a line for each promise: question, bound, median, range, whether it is kept."""
    lines = ["| question | promised | median | least to most | kept |", "|---|---|---|---|---|"]
    for row in rows:
        bound = f"{'≥' if row['at_least'] else '≤'} {row['target']:.2f}"
        spread = f"{row['min']:.2f} to {row['max']:.2f} ({row['rounds']} rounds)"
        value = f"**{row['median']:.3f}**"
        lines.append(f"| {row['question']} | {bound} | {value} | {spread} | {'yes' if row['kept'] else '**no**'} |")
    return "\n".join(lines) + "\n"


def peers_of(stack: str, rows: list[Row]) -> str:
    """Return the table of one stack: our recipes and what one would use instead."""
    return "\n".join([f"### {stack}", "", *as_table(rows)])


def _misses(rows: list[Row]) -> str:
    """Name each promise that is not kept, once, and say why."""
    missed = [row for row in rows if not row["kept"]]
    if not missed:
        return "All of these are kept.\n"
    lines = ["Not kept:", ""]
    for name, group in groupby(missed, key=lambda row: _known(row["name"])):
        figures = ", ".join(f"{row['median']:.2f}" for row in group)
        lines.append(f"- `{name}` ({figures}). {_WHY.get(name, '')}".rstrip())
    return "\n".join(lines) + "\n"


def _known(name: str) -> str:
    """Return which of the reasons is that of a row: `step_loss_early` has that of `step_loss`."""
    return max((known for known in _WHY if name.startswith(known)), key=len, default=name)


def _grown(curves: list[Row], picture: str) -> str:
    lines = [
        "## Growth with the work",
        "",
        f"![Time and memory of prediction for 1 to 64 times the work]({picture})",
        "",
    ]
    lines += [
        "Predicting 1 to 64 times as many voxels, and 1 to 64 times as many classes; the dashed line is in proportion "
        "to the work. The exponent is that of the best power law through the times: 1 is linear, less is better.",
        "",
        "| over | what | seconds, least to most work | peak memory, MB | exponent |",
        "|---|---|---|---|---|",
    ]
    for row in curves:
        seconds = f"{row['seconds'][0]:.3g} to {row['seconds'][-1]:.3g}"
        peak = "-" if None in row["peak_mb"] else f"{row['peak_mb'][0]:.0f} to {row['peak_mb'][-1]:.0f}"
        lines.append(f"| {row['name']} | {row['what']} | {seconds} | {peak} | {row['exponent']:.2f} |")
    return "\n".join(lines) + "\n"


def _machines(rows: list[Row]) -> str:
    """Say where and when each part was measured."""
    lines = ["Measured:", ""]
    for part, group in groupby(rows, key=lambda row: row["part"]):
        at = next(iter(group))["machine"]
        lines.append(
            f"- {part}: {at['processor']}, {at['cores']} cores, {at['threads']} thread(s), Python {at['python']}, "
            f"torch {at['torch']}, {at['date']}, load {at['load']}, commit {at['commit']}"
        )
    return "\n".join(lines) + "\n"


def _rows(path: Path) -> list[Row]:
    found: Any = json.loads(path.read_text("utf-8")) if path.exists() else []
    rows: list[Row] = found["rows"] if isinstance(found, dict) else found  # peers.json holds more than its rows
    return rows


if __name__ == "__main__":
    main()
