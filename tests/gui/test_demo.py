"""The demo opens with the stack, the dock, and learning under way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import napari
import pytest

from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui import demo
from napari_em_autoclass.gui.session import RunState


def test_the_demo_learns_from_the_stack_it_was_given(
    qtbot: Any, make_napari_viewer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, phantom: Any
) -> None:
    monkeypatch.setattr(napari, "Viewer", lambda **_: make_napari_viewer())
    volume = Volume(phantom.raw, phantom.voxel_size_nm, "phantom", "phantom.tif")
    viewer, dock = demo.open_demo(volume, tmp_path, seconds=5, n_classes=6)
    assert dock.session.volume.voxel_size_nm == volume.voxel_size_nm
    assert dock.session.run_dir == tmp_path / "run"
    assert dock.training_panel.classes_box.value() == 6
    assert dock.session.state is RunState.STARTING
    assert [layer.name for layer in viewer.layers] == ["phantom"]
    dock.session.stop()
    qtbot.waitUntil(lambda: dock.session.state is RunState.IDLE, timeout=60_000)
    dock.close_down()


def test_run_demo_waits_for_the_window(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done: list[str] = []
    monkeypatch.setattr(demo, "open_demo", lambda *_, **options: done.append(f"open {options['seconds']:g}"))
    monkeypatch.setattr(napari, "run", lambda: done.append("run"))
    demo.run_demo(None, tmp_path, seconds=7)
    assert done == ["open 7", "run"]
