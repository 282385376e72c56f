"""Draw merged mIoU on each stack as SVG: a lane for each recipe, K and budget, a dot for each run, baselines as ticks.

All colours are of middle brightness, and there is no ground, so that it reads on white pages as on dark ones. Baselines
differ by their stroke too, for who can't tell the colours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from xml.sax.saxutils import escape

from _quality_rows import FOREST, Row, by_setup, by_stack, forest_miou, mean_and_spread, title, value_of

__all__ = ["draw_plot"]

_FIGURE = "merged_miou"
_WIDTH, _LEFT, _RIGHT = 800, 285, 715
_LANE, _HEADER, _LEGEND, _MARGIN = 22, 34, 66, 40
_LONGEST_NAME = 42
_TEXT, _RULE, _RUN = "#767676", "#8a8a8a", "#2f7fc1"


@dataclass(frozen=True)
class _Stroke:
    """How the tick of a baseline is drawn, and what the legend calls it."""

    name: str
    color: str
    width: float
    dash: str


_STROKES = {
    "baseline intensity": _Stroke("k-means on the grey value", "#8a8a8a", 2, "2 2"),
    "baseline filters": _Stroke("k-means on filters", "#c9750c", 2, ""),
    FOREST: _Stroke("forest, trained on labels", "#2c9a6b", 4, ""),
}


@dataclass(frozen=True)
class _Lane:
    name: str
    runs: tuple[float, ...]
    ticks: tuple[tuple[_Stroke, float], ...]


@dataclass(frozen=True)
class _Scale:
    """Where a value lies across the picture; `low` and `high` are whole tenths."""

    low: int
    high: int

    def x(self, value: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * (10 * value - self.low) / (self.high - self.low)


def draw_plot(rows: list[Row]) -> str:
    """Return the picture as an SVG document."""
    stacks = {stack: _lanes(members) for stack, members in by_stack(rows).items()}
    values = [value for row in rows if (value := value_of(row, _FIGURE)) is not None] or [0.0, 1.0]
    low = math.floor(10 * min(values) - 0.2)
    scale = _Scale(max(0, low), max(low + 1, math.ceil(10 * max(values) + 0.2)))
    height = _LEGEND + sum(_HEADER + _LANE * len(lanes) for lanes in stacks.values()) + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
        f' font-family="system-ui, Helvetica, Arial, sans-serif" font-size="12" fill="{_TEXT}" role="img">',
        f"<title>Merged mIoU of runs and baselines on {len(stacks)} stacks</title>",
        *_legend(),
        *_grid(scale, height),
    ]
    top = _LEGEND
    for stack, lanes in stacks.items():
        parts.append(_words(10, top + 22, title(stack), 'font-size="13" font-weight="bold"'))
        top += _HEADER
        for lane in lanes:
            parts += _lane(lane, top + _LANE / 2, scale)
            top += _LANE
    return "\n".join([*parts, "</svg>", ""])


def _lanes(rows: list[Row]) -> list[_Lane]:
    """Return a lane for each setup of runs, and one for each K that only baselines have."""
    setups, forest = by_setup(rows), forest_miou(rows)
    lanes = []
    with_runs = {setup.classes for setup in setups if not setup.is_baseline}
    only_baselines = {setup.classes for setup in setups if setup.is_baseline and setup.classes} - with_runs
    ticks = {k: _ticks(rows, k, forest) for k in (*with_runs, *only_baselines, 0)}
    for setup, members in setups.items():
        if not setup.is_baseline:
            budget = f" · {setup.budget_s:g} s" if setup.budget_s else ""
            end = f" · K {setup.classes}{budget}"
            runs = tuple(value for row in members if (value := value_of(row, _FIGURE)) is not None)
            lanes.append(_Lane(_short(setup.name, _LONGEST_NAME - len(end)) + end, runs, ticks[setup.classes]))
    lanes += [_Lane(f"baselines only · K {k}", (), ticks[k]) for k in sorted(only_baselines)]
    return lanes or [_Lane("baselines only", (), ticks[0])]


def _ticks(rows: list[Row], classes: int, forest: float | None) -> tuple[tuple[_Stroke, float], ...]:
    found: list[tuple[_Stroke, float]] = []
    for recipe, stroke in _STROKES.items():
        same = [row for row in rows if row["recipe"] == recipe and row.get("classes") == classes]
        mean = mean_and_spread(same, _FIGURE)
        value = forest if recipe == FOREST else mean and mean[0]
        found += [(stroke, value)] if value is not None else []
    return tuple(found)


def _lane(lane: _Lane, y: float, scale: _Scale) -> list[str]:
    parts = [
        _words(_LEFT - 14, y + 4, lane.name, 'text-anchor="end"'),
        f'<line x1="{_LEFT}" x2="{_RIGHT}" y1="{y:g}" y2="{y:g}" stroke="{_RULE}" stroke-opacity="0.25"/>',
        *(_tick(stroke, scale.x(value), y) for stroke, value in lane.ticks),
        *(_dot(scale.x(value), y) for value in lane.runs),
    ]
    if lane.runs:
        mean = sum(lane.runs) / len(lane.runs)
        parts.append(_words(_WIDTH - 10, y + 4, f"{mean:.3f}", f'text-anchor="end" fill="{_RUN}" font-weight="bold"'))
    return parts


def _legend() -> list[str]:
    """Draw what the signs mean on two lines at the top, the figure's name first."""
    parts = [
        _words(10, 20, "Merged mIoU", 'font-size="13" font-weight="bold"'),
        _dot(_LEFT + 4, 16),
        _words(_LEFT + 14, 20, "a run (one seed)"),
        _words(_WIDTH - 10, 20, "mean of the runs", f'text-anchor="end" fill="{_RUN}" font-weight="bold"'),
    ]
    for x, stroke in zip((_LEFT + 4, _LEFT + 195, _LEFT + 335), _STROKES.values(), strict=True):
        parts += [_tick(stroke, x, 40), _words(x + 10, 44, stroke.name)]
    return parts


def _grid(scale: _Scale, height: int) -> list[str]:
    parts = []
    for tenth in range(scale.low, scale.high + 1):
        x, bottom = scale.x(tenth / 10), height - _MARGIN + 8
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_LEGEND}" y2="{bottom}" stroke="{_RULE}" stroke-opacity="0.3"/>'
        )
        parts.append(_words(round(x, 1), bottom + 16, f"{tenth / 10:.1f}", 'text-anchor="middle"'))
    return parts


def _tick(stroke: _Stroke, x: float, y: float) -> str:
    dash = f' stroke-dasharray="{stroke.dash}"' if stroke.dash else ""
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 8:g}" y2="{y + 8:g}"'
        f' stroke="{stroke.color}" stroke-width="{stroke.width:g}"{dash}/>'
    )


def _dot(x: float, y: float) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:g}" r="4.5" fill="{_RUN}" fill-opacity="0.75"/>'


def _words(x: float, y: float, text: str, style: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" {style}>{escape(text)}</text>'


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
