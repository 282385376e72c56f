"""Rows of the quality benchmark put together: what was run, and mean and spread of a figure over its seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

__all__ = [
    "FOREST",
    "SUPERVISED",
    "Row",
    "Setup",
    "by_setup",
    "by_stack",
    "forest_miou",
    "mean_and_spread",
    "title",
    "value_of",
]

Row = dict[str, Any]
FOREST = "baseline forest"
NETWORK = "baseline network"
SUPERVISED = (FOREST, NETWORK)
_IN_WORDS = {
    "baseline intensity": "k-means on the grey value",
    "baseline filters": "k-means on filters",
    FOREST: "random forest, trained on labels",
    NETWORK: "the recipe's network, trained on labels",
}


@dataclass(frozen=True, order=True)
class Setup:
    """What rows that differ only by seed have in common; baselines sort first, the forest last of them."""

    rank: int
    recipe: str
    changes: str
    classes: int
    budget_s: float

    @property
    def name(self) -> str:
        """What was run, in words."""
        return " ".join(filter(None, (_IN_WORDS.get(self.recipe, self.recipe), self.changes)))

    @property
    def is_baseline(self) -> bool:
        """Whether it was run only to compare with."""
        return self.recipe in _IN_WORDS

    @property
    def cells(self) -> list[str]:
        """Name, K and budget for a table; a run stands out."""
        name = self.name if self.is_baseline else f"**{self.name}**"
        return [name, str(self.classes or ""), f"{self.budget_s:g}" if self.budget_s else ""]


def by_stack(rows: list[Row]) -> dict[str, list[Row]]:
    """Return the rows of each stack, stacks in the order they first appear in."""
    stacks: dict[str, list[Row]] = {}
    for row in rows:
        stacks.setdefault(row["stack"], []).append(row)
    return stacks


def title(stack: str) -> str:
    """Return the name of a stack without the folders and endings of a path."""
    return Path(stack).name.split(".")[0]


def by_setup(rows: list[Row]) -> dict[Setup, list[Row]]:
    """Return the rows of one stack by what was run, sorted."""
    setups: dict[Setup, list[Row]] = {}
    for row in rows:
        recipe = row["recipe"]
        rank = [*_IN_WORDS].index(recipe) if recipe in _IN_WORDS else len(_IN_WORDS)
        # The forest knows how many structures there are, and K is nothing to it.
        classes = 0 if recipe in SUPERVISED else row["classes"]
        budget_s = 0.0 if recipe in (*_IN_WORDS, "filters") else float(row.get("budget_s", 0))
        setups.setdefault(Setup(rank, recipe, " ".join(row.get("set", [])), classes, budget_s), []).append(row)
    return dict(sorted(setups.items()))


def value_of(row: Row, figure: str) -> float | None:
    """Return a figure of a row, ``iou/membrane`` from within; None where it has none."""
    found: Any = row
    for name in figure.split("/"):
        found = found.get(name) if isinstance(found, dict) else None
    is_number = isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)
    return float(found) if is_number else None


def mean_and_spread(rows: list[Row], figure: str) -> tuple[float, float | None] | None:
    """Return mean and standard deviation (None of a single row) of a figure; None where no row has it."""
    values = [value for row in rows if (value := value_of(row, figure)) is not None]
    if not values:
        return None
    return fmean(values), stdev(values) if len(values) > 1 else None


def forest_miou(rows: list[Row]) -> float | None:
    """Return the merged mIoU of the forest on a stack."""
    found = mean_and_spread([row for row in rows if row["recipe"] == FOREST], "merged_miou")
    return None if found is None else found[0]
