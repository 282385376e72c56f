"""Two small plots: each term over time, and how much each class is used."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QHBoxLayout, QWidget
from superqt.utils import qthrottled

from napari_em_autoclass.core.events import StepDone

__all__ = ["Curves"]

_LINE_COLORS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00", "#0072b2")
_MAX_POINTS = 1000


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
        self._legend = self._loss_plot.addLegend(offset=(-1, 1), labelTextSize="7pt", verSpacing=-6, colCount=1)
        self._bars = pg.BarGraphItem(x=[], height=[], width=0.8)
        self._usage_plot.addItem(self._bars)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._loss_plot, 3)
        layout.addWidget(self._usage_plot, 2)
        self.setFixedHeight(96)
        self._redraw_soon = qthrottled(self._redraw, timeout=250)

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
        for line in self._lines.values():
            self._loss_plot.removeItem(line)
        self._lines.clear()
        self._redraw()

    def add(self, event: StepDone) -> None:
        """Add a step."""
        self._usage = event.usage
        self._seen += 1
        if self._seen % self._stride == 0:
            self._append(event)
        self._redraw_soon()

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
                color = _LINE_COLORS[len(self._lines) % len(_LINE_COLORS)]
                pen = pg.mkPen(color, width=1.5)
                self._lines[kind] = self._loss_plot.plot(pen=pen, name=kind.replace("_", " "), connect="finite")
            self._lines[kind].setData(np.asarray(self._steps), np.asarray(values))
        n = len(self._usage)
        brushes = (self._brushes + ["#888888"] * n)[:n]
        self._bars.setOpts(x=np.arange(1, n + 1), height=np.asarray(self._usage), brushes=brushes, pen=None)

    def _recolor_axes(self) -> None:
        color = self.palette().windowText().color()
        for plot in (self._loss_plot, self._usage_plot):
            for side in ("left", "bottom"):
                plot.getAxis(side).setTextPen(color)
                plot.getAxis(side).setPen(color)
        self._legend.setLabelTextColor(color)


def _plot(tooltip: str) -> pg.PlotWidget:
    plot = pg.PlotWidget(background=None)
    plot.setToolTip(tooltip)
    plot.setMouseEnabled(x=False, y=False)
    plot.setMenuEnabled(False)
    plot.hideButtons()
    plot.getPlotItem().setContentsMargins(0, 2, 2, 0)
    for side in ("left", "bottom"):
        axis = plot.getAxis(side)
        axis.setStyle(tickLength=2, tickTextOffset=1)
        font = plot.font()
        font.setPointSizeF(6.5)
        axis.setTickFont(font)
    return plot
