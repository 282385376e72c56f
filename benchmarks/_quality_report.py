"""Report on the rows of the quality benchmark: tables to read in a terminal, or a page with a plot."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from _quality_plot import draw_plot
from _quality_ranking import label_free_scores, rank_correlation, without_baselines
from _quality_rows import Row, Setup, by_setup, by_stack, forest_miou, mean_and_spread, title

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["page", "print_report", "write_page"]

# Heading, figure, digits.
_QUALITY = (
    ("merged mIoU", "merged_miou", 3),
    ("of the forest's", "of_forest", 2),
    ("at 5 groups", "merged_miou_at_5_groups", 3),
    ("share of information", "info_share", 3),
    ("V-measure", "v_measure", 3),
    ("accuracy", "accuracy", 3),
    ("z flip", "z_flip", 3),
    ("classes used", "classes_used", 1),
)
_COSTS = (
    ("first map, s", "first_map_s", 1),
    ("training, s", "seconds", 0),
    ("steps", "steps", 0),
    ("peak, MB", "peak_mb", 0),
)
_RARE = {"iou": "", "rare_iou": " (rare)"}  # a structure of under 1 % of the voxels stays out of the headline
_JUDGES_IN_WORDS = {"merged_miou": "merged mIoU", "info_share": "the share of information"}
_INTRODUCTION = """\
<!-- Written by benchmarks/quality.py --report ROWS --docs PAGE; change the benchmark, not this page. -->

# Quality

Each row stands for `em-autoclass train`, `predict` and `score` on the full voxel grid, printed by
`python benchmarks/quality.py`; figures are mean ± standard deviation over *n* seeds. The mapping of classes to
structures is fitted on the first half of the sections and scored on the second. The forest is *trained on dense labels*
of the first half: a yardstick, not a rival. Empty cells were not measured.{origin}

![Merged mIoU of runs and baselines on each stack]({plot})
"""
_RANKING = """\
## How well do label-free scores rank?

Spearman's rank correlation of each score that needs no labels with a figure that needs them: 1, the score puts the maps
in the same order; 0, it knows nothing. Only maps of one stack and one K are ranked against each other, and the last
lines pool these ranks. Baselines count as maps, the forest does not; the last line leaves all baselines out, since a
score should also tell a good run from a poor one.
"""


def print_report(rows: list[Row]) -> None:
    """Print the tables."""
    print("\n".join(_body(rows)))


def write_page(rows: list[Row], path: Path) -> tuple[Path, Path]:
    """Write the page and its plot: into ``images`` beside the page's folder where there is one, else beside the page.

    Returns
    -------
    page, plot : Path
    """
    images = path.resolve().parents[1] / "images"
    plot = (images if images.is_dir() else path.resolve().parent) / f"{path.stem}.svg"
    plot.write_text(draw_plot(rows), encoding="utf-8", newline="\n")
    link = os.path.relpath(plot, path.resolve().parent).replace(os.sep, "/")
    path.write_text(page(rows, link), encoding="utf-8", newline="\n")
    return path, plot


def page(rows: list[Row], plot: str) -> str:
    """Return the Markdown page, which shows the plot at the link `plot`."""
    return "\n".join([_INTRODUCTION.format(origin=_origin(rows), plot=plot), *_body(rows)])


def _origin(rows: list[Row]) -> str:
    versions = sorted({row["version"] for row in rows if "version" in row})
    cores = sorted({row["cpus"] for row in rows if row.get("cpus")})
    told = [f"version {', '.join(versions)}"] if versions else []
    told += [f"machines with {', '.join(map(str, cores))} processor cores"] if cores else []
    return f" Taken with {' on '.join(told)}." if told else ""


def _body(rows: list[Row]) -> list[str]:
    lines: list[str] = []
    for stack, members in by_stack(rows).items():
        lines += [f"## {title(stack)}\n", *_stack_tables(members)]
    return [*lines, _RANKING, *_ranking_table(rows)]


def _stack_tables(rows: list[Row]) -> list[str]:
    forest = forest_miou(rows)
    setups = by_setup([{**row, **_share(row, forest)} for row in rows])
    structures = [(name + _RARE[kind], f"{kind}/{name}", 3) for kind, name in _structures(rows)]
    free = [(name.replace("_", " "), f"label_free/{name}", 3) for name in label_free_scores(rows)]
    parts = [("", _QUALITY), ("IoU of each structure:\n", tuple(structures))]
    parts += [("Without labels, and what it took:\n", (*free, *_COSTS))]
    lines: list[str] = []
    for caption, columns in parts:
        if columns:
            lines += [caption] if caption else []
            lines += [*_table(setups, columns), ""]
    return lines


def _share(row: Row, forest: float | None) -> Row:
    return {"of_forest": row["merged_miou"] / forest} if forest and "merged_miou" in row else {}


def _structures(rows: list[Row]) -> list[tuple[str, str]]:
    """Return the kind of figure and the name of each structure, frequent ones first."""
    return list(dict.fromkeys((kind, name) for kind in _RARE for row in rows for name in row.get(kind, {})))


def _table(setups: dict[Setup, list[Row]], columns: tuple[tuple[str, str, int], ...]) -> list[str]:
    lines = _head(["what", "K", "budget, s", "n", *(heading for heading, _, _ in columns)])
    for setup, rows in setups.items():
        collapsed = sum(bool(row.get("collapsed")) for row in rows)
        count = f"{len(rows)}, {collapsed} collapsed" if collapsed else str(len(rows))
        figures = [_figure(rows, figure, digits) for _, figure, digits in columns]
        if any(figures):
            lines.append(_line([*setup.cells, count, *figures]))
    return lines


def _figure(rows: list[Row], figure: str, digits: int) -> str:
    found = mean_and_spread(rows, figure)
    if found is None:
        return ""
    mean, spread = found
    return f"{mean:.{digits}f}" if spread is None else f"{mean:.{digits}f} ± {spread:.{digits}f}"


def _ranking_table(rows: list[Row]) -> list[str]:
    scores = label_free_scores(rows)
    stacks = by_stack(rows)
    sets = [*stacks.items(), ("all stacks, pooled", rows), ("all stacks, runs only", without_baselines(rows))]
    lines = []
    for judge in _JUDGES_IN_WORDS:
        lines += [
            f"With {judge.replace('merged_miou', 'merged mIoU').replace('info_share', 'the share of information')}:\n"
        ]
        lines += _head(["stack", "rows", *(score.replace("_", " ") for score in scores)])
        for name, members in sets:
            found = [rank_correlation(members, score, judge) for score in scores]
            lines.append(_line([title(name), str(max((f.n_rows for f in found), default=0)), *(f.cell for f in found)]))
        lines.append("")
    return lines


def _head(headings: list[str]) -> list[str]:
    return [_line(headings), f"|{'---|' * len(headings)}"]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
