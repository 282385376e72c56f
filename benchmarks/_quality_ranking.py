"""How well do scores that need no labels rank class maps?  Spearman's rank correlation within a stack and equal K.

Only maps of one stack and one K are compared with each other. Where several such groups are pooled, each row counts
with its rank within its group, from -1/2 to 1/2, so that an easy stack can't pass for a good score.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from _quality_rows import SUPERVISED, Row, by_stack, value_of
from scipy.stats import rankdata

__all__ = ["Correlation", "label_free_scores", "rank_correlation", "without_baselines"]

_FEWEST = 3  # ranks of two rows always agree or disagree


@dataclass(frozen=True)
class Correlation:
    """A rank correlation, -1 to 1 or nan, and the number of rows behind it."""

    value: float
    n_rows: int

    @property
    def cell(self) -> str:
        """As a table shows it."""
        return "" if math.isnan(self.value) else f"{self.value:+.2f}"


def label_free_scores(rows: list[Row]) -> list[str]:
    """Return the names of the scores without labels, in the order they first appear in."""
    return list(dict.fromkeys(name for row in rows for name in row.get("label_free", {})))


def without_baselines(rows: list[Row]) -> list[Row]:
    """Return the rows of runs: a score that only tells these from baselines helps nobody to choose among them."""
    return [row for row in rows if not row["recipe"].startswith("baseline ")]


def rank_correlation(rows: list[Row], score: str, judge: str) -> Correlation:
    """Return how a score without labels ranks maps against a figure with labels.

    Parameters
    ----------
    rows
        Of one or several stacks and K. Maps made with labels, whose classes are structures, are left out.
    score, judge : str
        Names of the score without labels and of the figure with labels.
    """
    groups: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for stack, members in by_stack(rows).items():
        for row in members:
            given, judged = value_of(row, f"label_free/{score}"), value_of(row, judge)
            if row["recipe"] not in SUPERVISED and given is not None and judged is not None:
                groups.setdefault((stack, row["classes"]), []).append((given, judged))
    ranked = [_ranks(np.array(pairs)) for pairs in groups.values() if len(pairs) >= _FEWEST]
    if not ranked:
        return Correlation(math.nan, 0)
    given, judged = np.concatenate(ranked).T
    norm = math.sqrt(float(given @ given) * float(judged @ judged))
    return Correlation(float(given @ judged) / norm if norm else math.nan, len(given))


def _ranks(pairs: np.ndarray) -> np.ndarray:
    """Return the ranks in each column of (N, 2), centred, as shares of N."""
    return np.asarray((rankdata(pairs, axis=0) - (len(pairs) + 1) / 2) / len(pairs))
