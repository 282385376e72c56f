"""How late the event loop is while the dock trains: one line of JSON, times in ms.

A timer that should fire every 5 ms notes how late it fires, in a shown napari window with a 30 x 512 x 512 stack, while
sections are scrolled through every half second.  Run it on a display (or under Xvfb): ``python benchmarks/latency.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np

_INTERVAL_MS = 5


def main() -> None:
    """Train for a while and print the percentiles of the delay."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--idle", action="store_true", help="do not train: the delay of napari alone")
    options = parser.parse_args()
    os.environ.setdefault("NAPARI_CONFIG", "")

    import napari
    from qtpy.QtCore import QTimer

    from napari_em_autoclass.core.phantom import make_phantom
    from napari_em_autoclass.gui.dock import AutoclassDock
    from napari_em_autoclass.gui.wishes import Wishes

    made = make_phantom((30, 512, 512), "sstem", seed=0)
    viewer = napari.Viewer()
    viewer.add_image(made.raw, name="phantom", scale=made.voxel_size_nm, units=("nm",) * 3)
    dock = AutoclassDock(viewer)
    viewer.window.add_dock_widget(dock, name="EM Autoclass", area="right")
    delays: list[float] = []
    steps: list[int] = [0]
    due = [0.0]

    def tick() -> None:
        now = time.perf_counter()
        if due[0]:
            delays.append(1000 * max(0.0, now - due[0]))
        due[0] = now + _INTERVAL_MS / 1000
        timer.start(_INTERVAL_MS)

    timer = QTimer()
    timer.setSingleShot(True)
    timer.setTimerType(timer.timerType().PreciseTimer)
    timer.timeout.connect(tick)
    scroll = QTimer()
    scroll.timeout.connect(lambda: viewer.dims.set_current_step(0, (int(viewer.dims.current_step[0]) + 1) % 30))
    dock.session.happened.connect(lambda event: steps.__setitem__(0, max(steps[0], getattr(event, "step", 0))))

    def measure() -> None:
        delays.clear()
        timer.start(_INTERVAL_MS)
        scroll.start(500)
        QTimer.singleShot(int(1000 * options.seconds), end)

    def end() -> None:
        timer.stop()  # closing waits for the last step, which is no latency of the dock
        viewer.close()

    with tempfile.TemporaryDirectory() as folder:
        if options.idle:
            QTimer.singleShot(1000, measure)
        else:
            dock.session.start(Wishes(seconds=10 * options.seconds), Path(folder) / "run")
            # From the first step on; the start (imports, first sketch) is what first_map.py measures.
            started: list[bool] = []

            def on_event(event: object) -> None:
                if type(event).__name__ == "StepDone" and not started:
                    started.append(True)
                    measure()

            dock.session.happened.connect(on_event)
        napari.run()
    late = np.percentile(delays, (50, 90, 95, 99, 100)).round(1).tolist()
    click = _wait_of_a_click(np.asarray(delays))
    names = ("p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms")
    result = {"benchmark": "latency", "training": not options.idle, "n": len(delays), "steps": steps[0]}
    figures = {**dict(zip(names, late, strict=True)), "click_p95_ms": click}
    print(json.dumps({**result, **figures, "cpu_count": os.cpu_count()}))


def _wait_of_a_click(delays_ms: np.ndarray) -> float:
    """Return what 95 % of clicks at random moments would wait at most.

    The percentile over timer ticks is kinder: a pause of half a second counts as one tick there, as many clicks here.
    """
    total = (delays_ms + _INTERVAL_MS).sum()
    waits = np.linspace(0, delays_ms.max(), 4000)
    share_above = np.array([np.maximum(delays_ms - wait, 0).sum() for wait in waits]) / total
    return round(float(waits[int(np.argmax(share_above <= 0.05))]), 1)


if __name__ == "__main__":
    main()
