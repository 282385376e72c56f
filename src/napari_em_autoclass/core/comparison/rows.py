"""What a comparison tells of each recipe: a row of figures, and which of several is best.

No figure is for all purposes: the columns say what each is and whether more of it is better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Self, get_args

from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["COLUMNS", "GROUPS", "NOTES", "Column", "Outcome", "RecipeRow", "best_of", "in_order", "shown_columns"]

Outcome = Literal["finished", "collapsed", "failed"]
GROUPS: Final = 5
"""So many groups, suggested without labels, are scored beside all the classes."""


@dataclass(frozen=True, slots=True)
class Column:
    """A figure of the table.

    Parameters
    ----------
    key : its name in `RecipeRow.figures` and in files
    title, about : what people read
    digits : after the point
    best : the largest, the smallest, or neither
    is_main : whether it belongs on a narrow screen
    """

    key: str
    title: str
    about: str
    digits: int = 3
    best: Literal["largest", "smallest", "neither"] = "largest"
    is_main: bool = False

    def text(self, value: float | None) -> str:
        """Return a figure as the table shows it; a dash where there is none."""
        if value is None:
            return "–"
        return f"{value:.{self.digits}f}".removeprefix("0" if self.digits == 3 else "\0")


COLUMNS: Final = (
    Column("merged_miou", "merged mIoU", "mean IoU when each class is merged into the structure it fits", is_main=True),
    Column(
        "merged_miou_at_5_groups",
        f"at {GROUPS} groups",
        f"the same after merging into {GROUPS} groups without labels",
        is_main=True,
    ),
    Column("info_share", "information", "share of what there is to know of the structures that the classes tell"),
    Column("v_measure", "V", "V-measure: harmonic mean of homogeneity and completeness"),
    Column("csev", "CSEV", "without labels: variance of held-out filters, here and next, explained", is_main=True),
    Column("effective_classes", "classes", "in effect, were all alike in size; 1 is a collapse", 1, "neither", True),
    Column("z_kappa", "z kappa", "same class in the next section, chance taken off; blur raises it"),
    Column("z_mutual_information", "z MI", "nats that a class tells of the next section; blur raises it"),
    Column("skill", "skill", "how much better than copying its neighbours a section is foretold, 1 is perfect"),
    Column("stability", "stability", "same class under another contrast and orientation, chance taken off"),
    Column("seconds", "s", "to train, first sketch and last choice included", 0, "neither"),
    Column("steps_per_s", "steps/s", "of training", 1, is_main=True),
    Column("first_map_s", "1st map, s", "from the start of the run to the first class map", 1, "smallest"),
    Column("peak_mb", "MB", "growth of this process's memory while it trained", 0, "smallest"),
    Column("gpu_mb", "GPU MB", "largest memory held on the GPU while it trained", 0, "smallest"),
)

#: What one must know to read the table.
NOTES: Final = (
    "Best of each column in bold; collapsed runs don't compete: what is nearly all one class agrees with itself from "
    "section to section, which says nothing.",
    "CSEV is good for rejecting what is clearly worse (a gap above 0.03), not for ranking near-equals. z kappa and "
    "z MI rise with blur, so never read them alone.",
    "One seed and one stack: repeat with others (--seed) before relying on a difference below 0.02.",
    "MB is the growth of the resident memory of this process from the start of a recipe to its peak (Linux only). What "
    "the recipes before it left for reuse is not counted again, and the first recipe pays for what all share.",
)


@dataclass(frozen=True, slots=True)
class RecipeRow:
    """How a recipe did.

    Parameters
    ----------
    recipe : its name
    outcome : how the run ended
    reason : why it failed, or what to know of the run; one line
    figures : by `Column.key`; absent where there is none
    """

    recipe: str
    outcome: Outcome
    reason: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, the figures beside the others; those that are not finite are left out."""
        figures = {key: value for key, value in self.figures.items() if math.isfinite(value)}
        return {"recipe": self.recipe, "outcome": self.outcome, "reason": self.reason, **figures}

    @classmethod
    def from_json(cls, stored: Any) -> Self:
        """Return the row that `to_json` stored; keys that are no column of this version are passed over.

        Raises
        ------
        InputError
            If it is damaged.
        """
        try:
            known = {column.key for column in COLUMNS}
            figures = {key: float(value) for key, value in stored.items() if key in known}
            if stored["outcome"] not in get_args(Outcome):
                raise ValueError(f"no such outcome: {stored['outcome']!r}")
            if set("/\\") & set(str(stored["recipe"])) or str(stored["recipe"]) in ("", ".", ".."):
                raise ValueError(f"no such recipe: {stored['recipe']!r}")  # it names a folder
            return cls(str(stored["recipe"]), stored["outcome"], str(stored.get("reason", "")), figures)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"a row of the comparison is damaged ({type(error).__name__}: {error})") from error


def in_order(rows: Iterable[RecipeRow]) -> tuple[RecipeRow, ...]:
    """Return the rows, best first: by merged mIoU where labels told it, else by CSEV; what collapsed or failed last."""
    rows = tuple(rows)
    key = "merged_miou" if any("merged_miou" in row.figures for row in rows) else "csev"
    outcomes = get_args(Outcome)
    return tuple(sorted(rows, key=lambda row: (outcomes.index(row.outcome), -row.figures.get(key, -1.0), row.recipe)))


def best_of(rows: Iterable[RecipeRow]) -> dict[str, float]:
    """Return the best figure of each column that has a best, among runs that finished; a tie has several owners."""
    finished = [row for row in rows if row.outcome == "finished"]
    best: dict[str, float] = {}
    for column in COLUMNS:
        values = [row.figures[column.key] for row in finished if column.key in row.figures]
        if len(values) > 1 and column.best != "neither":
            best[column.key] = max(values) if column.best == "largest" else min(values)
    return best


def shown_columns(rows: Sequence[RecipeRow], main_only: bool = False) -> tuple[Column, ...]:
    """Return the columns that some row has a figure for."""
    return tuple(
        column
        for column in COLUMNS
        if (column.is_main or not main_only) and any(column.key in row.figures for row in rows)
    )
