"""Two small plots: each term over time, and how much each class is used."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget
from superqt.utils import qthrottled

from napari_em_autoclass.core.events import QualityMeasured, SettingsChanged, StepDone

__all__ = ["Curves"]

_LINE_COLORS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00", "#0072b2")
_MAX_POINTS = 1000
_HEIGHT_PX, _QUALITY_PX = 64, 52
_LEGEND_LETTERS, _LEGEND_PX = 56, 26
_SIDES = ("left", "bottom")
_TOP_PX = 6  # half a number stands above the axis


class Curves(QWidget):
    """Unweighted terms by step on the left, share of each class on the right; redrawn four times a second at most."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._steps: list[int] = []
        self._values: dict[str, list[float]] = {}
        self._stride = 1
        self._seen = 0
        self._usage: tuple[float, ...] = ()
        self._brushes: list[str] = []
        self._lines: dict[str, pg.PlotDataItem] = {}
        self._loss_plot, self._usage_plot = _plot("loss by step"), _plot("share of each class")
        self._skills: list[tuple[int, float]] = []
        self._qualities: list[tuple[int, float]] = []
        self._marks: list[tuple[pg.PlotWidget, pg.InfiniteLine]] = []
        self._quality_plot = _plot(
            "<qt>By step. <b>Foresight</b>: how much better than copying them the neighbouring sections are foretold "
            "(0 no better, 1 perfectly). <b>Quality</b>, without labels: how much of the texture here and in the next "
            "section the class map explains (CSEV, 0 to 1); a fall by more than 0.03 means something.</qt>"
        )
        self._quality_plot.setFixedHeight(_QUALITY_PX)
        self._quality_plot.setYRange(-0.2, 1, padding=0.02)
        _number(self._quality_plot, (0.0, "0"), (1.0, "1"))
        self._skill_line = self._quality_plot.plot(pen=pg.mkPen(_LINE_COLORS[0], width=1.5))
        self._quality_line = self._quality_plot.plot(
            pen=pg.mkPen(_LINE_COLORS[1], width=1.5), symbol="o", symbolSize=4, symbolBrush=_LINE_COLORS[1]
        )
        self._quality_legend = QLabel()
        self._quality_legend.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._bars = pg.BarGraphItem(x=[], height=[], width=0.8)
        self._usage_plot.addItem(self._bars)
        self._legend = QLabel()
        self._legend.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._legend.setFixedHeight(_LEGEND_PX)
        self._legend.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        plots = QHBoxLayout()
        plots.setSpacing(4)
        plots.addWidget(self._loss_plot, 3)
        plots.addWidget(self._usage_plot, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(plots)
        layout.addWidget(self._legend)
        layout.addWidget(self._quality_plot)
        layout.addWidget(self._quality_legend)
        self.set_detailed(False)
        self._redraw_soon = qthrottled(self._redraw, timeout=250)

    def set_detailed(self, is_detailed: bool) -> None:
        """Show which line is which, foresight and quality; or, in less room, loss and shares alone."""
        for widget in (self._legend, self._quality_plot, self._quality_legend):
            widget.setVisible(is_detailed)

    @property
    def n_points(self) -> int:
        """Points kept per line: long runs are thinned out."""
        return len(self._steps)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The terms with a line."""
        return tuple(self._values)

    def clear(self) -> None:
        """Begin anew."""
        self._steps, self._values, self._usage = [], {}, ()
        self._stride, self._seen = 1, 0
        self._skills, self._qualities = [], []
        for line in self._lines.values():
            self._loss_plot.removeItem(line)
        for plot, mark in self._marks:
            plot.removeItem(mark)
        self._lines.clear()
        self._marks.clear()
        self._redraw()

    def add(self, event: StepDone) -> None:
        """Add a step."""
        self._usage = event.usage
        self._seen += 1
        if self._seen % self._stride == 0:
            self._append(event)
        self._redraw_soon()

    def add_quality(self, event: QualityMeasured) -> None:
        """Add a look at the quality."""
        self._qualities.append((event.step, event.csev))
        self._redraw_soon()

    def add_change(self, event: SettingsChanged) -> None:
        """Mark the step at which settings were changed, in both plots over steps; hovering says which."""
        words = "\n".join(f"{path.removeprefix('terms.')} = {value}" for path, value in event.changes)
        for plot in (self._loss_plot, self._quality_plot):
            mark = pg.InfiniteLine(event.step, pen=pg.mkPen("#8b8f98", style=Qt.PenStyle.DashLine))
            mark.setToolTip(f"From step {event.step} on:\n{words}")
            plot.addItem(mark)
            self._marks.append((plot, mark))

    def set_colors(self, colors: Sequence[str]) -> None:
        """Give each class's bar its colour."""
        self._brushes = list(colors)
        self._redraw_soon()

    def close_down(self) -> None:
        """Redraw no more."""
        self._redraw_soon.cancel()

    def changeEvent(self, event: QEvent | None) -> None:
        """Follow a change of theme."""
        super().changeEvent(event)
        if event is not None and event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._recolor_axes()

    def _append(self, event: StepDone) -> None:
        if event.skill is not None:
            self._skills.append((event.step, event.skill))
            self._skills = self._skills[::2] if len(self._skills) > _MAX_POINTS else self._skills
        now = dict(event.terms)
        self._steps.append(event.step)
        for kind in now:
            # A term may begin in the middle of a training.
            self._values.setdefault(kind, [float("nan")] * (len(self._steps) - 1))
        for kind, values in self._values.items():
            values.append(now.get(kind, float("nan")))
        if len(self._steps) > _MAX_POINTS:
            self._stride *= 2
            self._steps = self._steps[::2]
            self._values = {kind: values[::2] for kind, values in self._values.items()}

    def _redraw(self) -> None:
        for kind, values in self._values.items():
            if kind not in self._lines:
                pen = pg.mkPen(_color(len(self._lines)), width=1.5)
                self._lines[kind] = self._loss_plot.plot(pen=pen, connect="finite")
            self._lines[kind].setData(np.asarray(self._steps), np.asarray(values))
        self._fit()
        self._redraw_quality()
        for plot in (self._loss_plot, self._usage_plot, self._quality_plot):
            for side in _SIDES:
                plot.getAxis(side).setStyle(showValues=bool(self._steps))  # else numbers of nothing
        n = len(self._usage)
        most = max(self._usage, default=1.0)
        self._usage_plot.setYRange(0, most, padding=0.05)
        _number(self._usage_plot, (0.0, "0"), (most, f"{100 * most:.{0 if most >= 0.1 else 1}f} %"))
        brushes = (self._brushes + ["#888888"] * n)[:n]
        self._bars.setOpts(x=np.arange(1, n + 1), height=np.asarray(self._usage), brushes=brushes, pen=None)

    def _redraw_quality(self) -> None:
        self._quality_plot.setXRange(0, max(self._steps[-1] if self._steps else 1, 1), padding=0.02)
        words = []
        for line, points, name, number in (
            (self._skill_line, self._skills, "foresight", 0),
            (self._quality_line, self._qualities, "quality", 1),
        ):
            line.setData(np.array([step for step, _ in points]), np.array([value for _, value in points]))
            last = f"{points[-1][1]:.2f}" if points else "–"
            words.append(f'<span style="color:{_color(number)}">━</span> {name} {last}')
        self._quality_legend.setText(f'<span style="font-size:7pt">{" &nbsp; ".join(words)}</span>')

    def _fit(self) -> None:
        """Show the range most values lie in, or the first steps would press everything else flat."""
        values = np.concatenate([np.asarray(v) for v in self._values.values()] or [np.zeros(0)])
        values = values[np.isfinite(values)]
        if values.size:
            low, high = (float(limit) for limit in np.percentile(values, (0, 98)))
            high = max(high, low + 1e-3)
            self._loss_plot.setYRange(low, high, padding=0.05)
            digits = next((n for n in (3, 4, 5) if f"{low:.{n}g}" != f"{high:.{n}g}"), 6)
            _number(self._loss_plot, *((limit, f"{limit:.{digits}g}") for limit in (low, high)))
        self._legend.setText(_legend(list(self._values)))

    def _recolor_axes(self) -> None:
        color = self.palette().windowText().color()
        for plot in (self._loss_plot, self._usage_plot, self._quality_plot):
            plot.resetCachedContent()  # the background of the theme before
            for side in _SIDES:
                plot.getAxis(side).setTextPen(color)
                plot.getAxis(side).setPen(color)


def _legend(kinds: list[str]) -> str:
    """Return the names in their lines' colours, on lines of our own: with Qt's word wrap the dock would scroll."""
    rows, length = [""], 0
    for number, kind in enumerate(kinds):
        length += len(kind) + 4
        if length > _LEGEND_LETTERS and rows[-1]:
            rows.append("")
            length = len(kind) + 4
        rows[-1] += f'<span style="color:{_color(number)}">━</span> {kind.replace("_", " ")} &nbsp;'
    return f'<span style="font-size:7pt">{"<br>".join(rows)}</span>'


def _color(number: int) -> str:
    return _LINE_COLORS[number % len(_LINE_COLORS)]


def _number(plot: pg.PlotWidget, *ticks: tuple[float, str]) -> None:
    """Write these numbers beside a plot; those that pyqtgraph chooses overlap in so little height."""
    plot.getAxis("left").setTicks([list(ticks)])


def _plot(tooltip: str) -> pg.PlotWidget:
    plot = pg.PlotWidget(background=None, enableMenu=False)
    # Made all the same, without a parent: it would stay for ever when the dock goes.
    menu = plot.getPlotItem().getMenu()
    menu.setParent(plot, menu.windowFlags())
    plot.setToolTip(tooltip)
    plot.setMouseEnabled(x=False, y=False)
    plot.hideButtons()
    plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    plot.setFixedHeight(_HEIGHT_PX)
    plot.getPlotItem().setContentsMargins(0, _TOP_PX, 2, 0)
    for side in _SIDES:
        axis = plot.getAxis(side)
        axis.setStyle(tickLength=2, tickTextOffset=1, showValues=False)
        font = plot.font()
        font.setPointSizeF(6.5)
        axis.setTickFont(font)
    return plot
