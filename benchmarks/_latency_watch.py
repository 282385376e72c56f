"""Watching a window from inside: how late its event loop is, and when what was done has been painted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, QEventLoop, QObject, QTimer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from qtpy.QtWidgets import QWidget

INTERVAL_MS = 5
_PATIENCE_MS = 30_000


class LoopWatch:
    """A timer that should fire every 5 ms notes how late it fires, in ms."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self._due = 0.0
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.setTimerType(self._timer.timerType().PreciseTimer)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        """Begin anew."""
        self.delays, self._due = [], 0.0
        self._timer.start(INTERVAL_MS)

    def stop(self) -> list[float]:
        """Return the delays since `start`."""
        self._timer.stop()
        return self.delays

    def _tick(self) -> None:
        now = time.perf_counter()
        if self._due:
            self.delays.append(1000 * max(0.0, now - self._due))
        self._due = now + INTERVAL_MS / 1000
        self._timer.start(INTERVAL_MS)


class PaintWatch(QObject):
    """Knows when the canvas, or a list beside it, was painted *and* the window has been put on the screen.

    Parameters
    ----------
    viewer : a napari viewer whose window is shown
    beside : a widget in the same window, for `wants_list`
    """

    def __init__(self, viewer: Any, beside: QWidget | None = None) -> None:
        super().__init__()
        self._beside = beside
        self._drawn = self._listed = True
        self._done: Callable[[], None] | None = None
        canvas = viewer.window._qt_viewer.canvas._scene_canvas
        canvas.events.draw.connect(self._on_drawn, position="last")
        canvas.native.frameSwapped.connect(self._on_shown)
        if beside is not None:
            beside.installEventFilter(self)

    def when_painted(self, done: Callable[[], None], *, wants_canvas: bool = True, wants_list: bool = False) -> None:
        """Call `done` when all that is wanted was painted after this call."""
        self._drawn, self._listed, self._done = not wants_canvas, not wants_list, done

    def took(self, action: Callable[[], object], **wants: bool) -> tuple[float, float]:
        """Return the ms from the action to its picture, and the ms of processor time this thread needed for it.

        Raises
        ------
        RuntimeError
            If nothing was painted for half a minute.
        """
        loop, ended = QEventLoop(), list[tuple[float, float]]()

        def done() -> None:
            ended.append((time.perf_counter(), time.thread_time()))
            loop.quit()

        QTimer.singleShot(_PATIENCE_MS, loop.quit)
        self.when_painted(done, **wants)
        began = time.perf_counter(), time.thread_time()
        action()
        loop.exec()
        if not ended:
            raise RuntimeError("nothing was painted")
        return 1000 * (ended[0][0] - began[0]), 1000 * (ended[0][1] - began[1])

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Note that the list paints."""
        if watched is self._beside and event is not None and event.type() == QEvent.Type.Paint:
            self._listed = True
        return False

    def _on_drawn(self, event: Any) -> None:
        self._drawn = True

    def _on_shown(self) -> None:
        if self._drawn and self._listed and self._done is not None:
            done, self._done = self._done, None
            done()


def wait(ms: float, until: Callable[[], bool] = lambda: False) -> None:
    """Let the window live for so long, or until something holds."""
    loop, timer, begun = QEventLoop(), QTimer(), time.perf_counter()

    def look() -> None:
        if until() or 1000 * (time.perf_counter() - begun) >= ms:
            loop.quit()

    timer.timeout.connect(look)
    timer.start(10)
    loop.exec()


def percentiles(values: Iterable[float]) -> dict[str, float]:
    """Return n, p50, p95, p99 and max, to 0.1."""
    found = np.asarray(list(values), float)
    if not len(found):
        return {"n": 0}
    names = ("p50", "p95", "p99", "max")
    return {"n": len(found), **dict(zip(names, np.percentile(found, (50, 95, 99, 100)).round(1).tolist(), strict=True))}


def wait_of_a_click(delays_ms: Iterable[float]) -> float:
    """Return what 95 % of clicks at random moments would wait at most, in ms.

    The percentile over timer ticks is kinder: a pause of half a second counts as one tick there, as many clicks here.
    """
    delays = np.asarray(list(delays_ms), float)
    total = (delays + INTERVAL_MS).sum()
    waits = np.linspace(0, delays.max(), 4000)
    share_above = np.array([np.maximum(delays - limit, 0).sum() for limit in waits]) / total
    return round(float(waits[int(np.argmax(share_above <= 0.05))]), 1)


def show_window(viewer: Any) -> None:
    """Show the window at 1400 x 900 and let it settle."""
    window = viewer.window._qt_window
    window.resize(1400, 900)
    window.show()
    window.activateWindow()  # keys reach only the active window
    viewer.reset_view()
    wait(1500)
