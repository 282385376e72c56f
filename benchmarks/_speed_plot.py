"""Draw how time and memory grow with the work, as SVG: logarithmic axes, and the straight line they would follow.

All colours are of middle brightness, and there is no ground, so that it reads on white pages as on dark ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["draw_curves"]

_PANEL, _HEIGHT, _LEFT, _TOP, _BOTTOM = 400, 300, 60, 46, 250
_TEXT, _RULE = "#767676", "#8a8a8a"
_COLORS = {"seconds": "#2f7fc1", "peak_mb": "#c9750c"}
_WORDS = {"seconds": "time", "peak_mb": "peak memory"}
_DECADES = 7  # powers of two, 1 to 64 times, and one to spare above


@dataclass(frozen=True)
class _Panel:
    """Where the panel of a curve lies; x and y are positions of multiples of the least work."""

    left: int

    def x(self, times: float) -> float:
        return self.left + _LEFT + (_PANEL - _LEFT - 20) * math.log2(times) / (_DECADES - 1)

    def y(self, times: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * (math.log2(max(times, 0.5)) + 1) / _DECADES


def draw_curves(curves: Sequence[dict[str, Any]]) -> str:
    """Return the picture as an SVG document: a panel for each curve, each value as a multiple of the first."""
    parts = []
    for i, curve in enumerate(curves):
        parts += _drawn(_Panel(i * _PANEL), curve)
    width = max(len(curves), 1) * _PANEL
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT}" '
        f'font-family="sans-serif" font-size="12" fill="{_TEXT}">\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _drawn(panel: _Panel, curve: dict[str, Any]) -> list[str]:
    factors = curve["factors"]
    parts = [_text(panel.left + _LEFT, 18, f"{curve['name']}: {curve['what']}", "start")]
    for times in (1, 4, 16, 64):
        parts += [
            _line(panel.x(times), _BOTTOM, panel.x(times), _TOP, "1 4"),
            _text(panel.x(times), _BOTTOM + 16, f"×{times}", "middle"),
            _line(panel.x(1), panel.y(times), panel.x(64), panel.y(times), "1 4"),
            _text(panel.x(1) - 6, panel.y(times) + 4, f"×{times}", "end"),
        ]
    parts.append(_line(panel.x(1), panel.y(1), panel.x(64), panel.y(64), "5 4"))
    for i, (name, color) in enumerate(_COLORS.items()):
        values = curve[name]
        if None not in values:
            parts += _path(panel, factors, [value / values[0] for value in values], color)
            parts.append(_text(panel.x(1) + 8, _TOP + 14 + 16 * i, _WORDS[name], "start", color))
    return parts


def _path(panel: _Panel, factors: Sequence[float], times: Sequence[float], color: str) -> list[str]:
    at = [(panel.x(factor), panel.y(value)) for factor, value in zip(factors, times, strict=True)]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in at]
    return [f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>', *dots]


def _line(x1: float, y1: float, x2: float, y2: float, dash: str) -> str:
    where = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {where} stroke="{_RULE}" stroke-dasharray="{dash}"/>'


def _text(x: float, y: float, words: str, anchor: str, color: str = _TEXT) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{escape(words)}</text>'
