"""The main job in a window: a stack, the dock beside it, learning under way."""

from __future__ import annotations

from pathlib import Path

import napari

from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.dock import AutoclassDock
from napari_em_autoclass.gui.layers import add_volume

__all__ = ["open_demo", "run_demo"]

_SECONDS = 90.0


def run_demo(volume: Volume, out_dir: Path, *, seconds: float = _SECONDS, n_classes: int = 20) -> None:
    """Open napari on `volume`, learn for `seconds` into ``out_dir/run``, and return when the window is closed."""
    open_demo(volume, out_dir, seconds=seconds, n_classes=n_classes)
    napari.run()


def open_demo(
    volume: Volume, out_dir: Path, *, seconds: float = _SECONDS, n_classes: int = 20
) -> tuple[napari.Viewer, AutoclassDock]:
    """Open the viewer of `run_demo` without waiting for its end."""
    viewer = napari.Viewer(title="EM Autoclass demo")
    layer = add_volume(viewer, volume)
    dock = AutoclassDock(viewer)
    viewer.window.add_dock_widget(dock, name="EM Autoclass", area="right")
    dock.stack_panel.choose(layer)
    dock.training_panel.classes_box.setValue(n_classes)
    dock.training_panel.minutes_box.setValue(seconds / 60)
    dock.session.start(dock.training_panel.wishes, out_dir / "run")
    return viewer, dock
