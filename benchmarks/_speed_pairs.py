"""Two ways of doing the same, timed in turn (A B A B), and what is said of them: ratios, exponents, the machine."""

from __future__ import annotations

import math
import os
import platform
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Promise", "Row", "exponent", "in_turn", "machine", "ratio_row", "value_row"]

Row = dict[str, Any]
"""What was measured, as it is stored."""


@dataclass(frozen=True)
class Promise:
    """What is asked of a figure: a name, a question, a bound, and whether it is the least or the most allowed."""

    name: str
    question: str
    bound: float
    at_least: bool = False

    def kept(self, value: float) -> bool:
        """Return whether `value` is within the bound."""
        return value >= self.bound if self.at_least else value <= self.bound


def in_turn(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return processor seconds of this process for each way, one a round, after a round that does not count.

    Processor time, because waiting for other programs is not in it; what they do to caches falls on all ways alike.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            since = time.process_time()
            way()
            if turn:
                seconds[name].append(time.process_time() - since)
    return seconds


def ratio_row(promise: Promise, above: Sequence[float], below: Sequence[float], **more: Any) -> Row:
    """Return the row of a ratio: the median over rounds of `above` / `below`, measured beside each other."""
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    return value_row(promise, ratios, above_s=_rounded(median(above)), below_s=_rounded(median(below)), **more)


def value_row(promise: Promise, values: Sequence[float], **more: Any) -> Row:
    """Return the row of a figure, from one value a round."""
    value = median(values)
    return {
        "name": promise.name,
        "question": promise.question,
        "target": promise.bound,
        "at_least": promise.at_least,
        "median": _rounded(value),
        "min": _rounded(min(values)),
        "max": _rounded(max(values)),
        "rounds": len(values),
        "kept": promise.kept(value),
        **more,
    }


def exponent(work: Sequence[float], cost: Sequence[float]) -> float:
    """Return p of the best ``cost = c * work ** p``, by least squares of the logarithms; 1 is linear."""
    x, y = [math.log(w) for w in work], [math.log(c) for c in cost]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / sum((a - mean_x) ** 2 for a in x)


def machine() -> Row:
    """Return where and when: processor, cores, versions, load, commit."""
    import torch

    folder = Path(__file__).parent
    said = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=folder, capture_output=True, text=True, check=False
    )
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "date": datetime.now(UTC).date().isoformat(),
        "load": round(os.getloadavg()[0], 1),
        "commit": said.stdout.strip() or "unknown",
    }


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    lines = told.read_text("utf-8").splitlines() if told.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
