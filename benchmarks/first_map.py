"""Seconds from pressing Learn to the first class map on screen, in a fresh process: one line of JSON.

Includes the import of torch, reading and normalising the stack, and the first sketch, for a 30 x 512 x 512 stack.
Run it on a display (or under Xvfb): ``python benchmarks/first_map.py [SECONDS]``.  For so long (1.5) the stack is
looked at before Learn is pressed; torch is imported meanwhile.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

_GIVE_UP_S = 120


def main() -> None:
    """Press Learn, wait for the first map, print when it was drawn."""
    os.environ.setdefault("NAPARI_CONFIG", "")

    import napari
    from qtpy.QtCore import QTimer

    from napari_em_autoclass.core.events import Event, SnapshotTaken
    from napari_em_autoclass.core.phantom import make_phantom
    from napari_em_autoclass.gui.dock import AutoclassDock
    from napari_em_autoclass.gui.wishes import Wishes

    made = make_phantom((30, 512, 512), "sstem", seed=0)
    viewer = napari.Viewer()
    viewer.add_image(made.raw, name="phantom", scale=made.voxel_size_nm, units=("nm",) * 3)
    dock = AutoclassDock(viewer)
    viewer.window.add_dock_widget(dock, name="EM Autoclass", area="right")
    times: dict[str, float] = {}
    had_torch = "torch" in sys.modules

    def note(name: str) -> None:
        times.setdefault(name, round(time.perf_counter() - times["pressed"], 3))

    def on_event(event: Event) -> None:
        note(type(event).__name__)
        if isinstance(event, SnapshotTaken) and "drawn" not in times:
            layer = dock.layers.class_layer
            assert layer is not None
            layer.refresh()
            viewer.screenshot(flash=False)  # comes back when the canvas was really drawn
            note("drawn")
            viewer.close()

    def press() -> None:
        times["pressed"] = time.perf_counter()
        dock.session.start(Wishes(), Path(folder) / "run")

    dock.session.happened.connect(on_event)
    looked_s = float(sys.argv[1]) if len(sys.argv) > 1 else 1.5
    QTimer.singleShot(int(1000 * looked_s), press)
    QTimer.singleShot(1000 * _GIVE_UP_S, viewer.close)
    with tempfile.TemporaryDirectory() as folder:
        napari.run()
    told = {name: times.get(name) for name in ("RunStarted", "SnapshotTaken", "drawn")}
    result = {
        "benchmark": "first_map",
        "looked_s": looked_s,
        "seconds": told.pop("drawn"),
        "run_started_s": told["RunStarted"],
    }
    print(json.dumps({**result, "torch_was_imported": had_torch, "cpu_count": os.cpu_count()}))


if __name__ == "__main__":
    main()
