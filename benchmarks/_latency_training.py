"""The window while the dock trains on sections of 2048 x 2048, and napari alone with the same two layers."""

from __future__ import annotations

import os
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import napari
import numpy as np
from _latency_stack import N_SECTIONS, class_section, make_stack
from _latency_watch import LoopWatch, PaintWatch, percentiles, show_window, wait, wait_of_a_click

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.events import RunEnded, SnapshotTaken, StepDone
from napari_em_autoclass.gui.dock import AutoclassDock
from napari_em_autoclass.gui.layers import add_volume, label_colors
from napari_em_autoclass.gui.session import RunState

_STEP_EVERY_MS = 700
_K = 20


def measure_alone(seconds: float) -> dict[str, Any]:
    """Return the figures of napari with a stack and a labels layer in memory, without the dock or a training."""
    viewer = napari.Viewer()
    layer = add_volume(viewer, make_stack())
    labels = np.stack([class_section(z, _K) for z in range(N_SECTIONS)])
    placed = {"scale": layer.scale, "units": layer.units}
    shown = viewer.add_labels(labels, opacity=0.5, colormap=label_colors(ClassMap.fresh(_K)), **placed)
    show_window(viewer)
    painted = PaintWatch(viewer)
    delays, changes = _scroll(viewer, painted, seconds, lambda: True)
    many = ClassMap.fresh(254)
    shown.colormap = label_colors(many)
    wait(500)
    recolours = []
    for i in range(10):
        colors = label_colors(many.with_visible((i + 1,), False))
        recolours.append(painted.took(lambda colors=colors: setattr(shown, "colormap", colors)))
        wait(200)
    viewer.close()
    return {
        "scenario": "napari alone",
        "loop_delay_ms": percentiles(delays),
        "click_p95_ms": wait_of_a_click(delays),
        "section_change_ms": percentiles(wall for _, wall, _ in changes),
        "section_change_cpu_ms": percentiles(cpu for _, _, cpu in changes),
        "recolour_254_ms": percentiles(wall for wall, _ in recolours),
    }


def measure_training(seconds: float) -> dict[str, Any]:
    """Return the figures of the dock: at rest on one section, then while scrolling there and back, then Stop."""
    viewer = napari.Viewer()
    dock = AutoclassDock(viewer)
    viewer.window.add_dock_widget(dock, name="EM Autoclass", area="right")
    dock.stack_panel.choose(add_volume(viewer, make_stack()))
    show_window(viewer)
    painted, answers, refreshes, steps = PaintWatch(viewer), list[SnapshotTaken](), [0], [0]
    ended: list[float] = []

    def on_event(event: object) -> None:
        if isinstance(event, SnapshotTaken):
            answers.append(event)
        elif isinstance(event, StepDone):
            steps[0] = event.step
        elif isinstance(event, RunEnded):
            ended.append(time.perf_counter())

    dock.session.happened.connect(on_event)
    with tempfile.TemporaryDirectory() as folder:
        dock.training_panel.minutes_box.setValue(20 * seconds / 60 + 5)  # it must not end meanwhile
        began = time.perf_counter()
        dock.session.start(dock.training_panel.wishes, Path(folder) / "run")
        wait(120_000, lambda: steps[0] > 2 and bool(answers))
        start_s = time.perf_counter() - began
        layer = dock.layers.class_layer
        assert layer is not None
        layer.events.set_data.connect(lambda _: refreshes.__setitem__(0, refreshes[0] + 1))
        # The first sketch stays as it is: refreshes are counted once the classes are the network's.
        wait(300_000, lambda: answers[-1].stage == "learning")
        # At rest: what is new in the picture, by itself.
        refreshes[0], first_step, loop = 0, steps[0], LoopWatch()
        n_answers, resting = len(answers), time.perf_counter()
        loop.start()
        wait(1000 * seconds / 2)
        rest_delays, rest_s = list(loop.stop()), time.perf_counter() - resting
        rest = {
            "refreshes_per_s": round(refreshes[0] / rest_s, 2),
            "answers_per_s": round((len(answers) - n_answers) / rest_s, 2),
            "answers_with_news_per_s": round(_n_new(answers[n_answers:]) / rest_s, 2),
            "steps_per_s": round((steps[0] - first_step) / rest_s, 2),
        }
        scroll_delays, changes = _scroll(viewer, painted, seconds, lambda: _is_known(viewer, dock))
        asked = time.perf_counter()
        dock.session.stop()
        wait(60_000, lambda: bool(ended))
        stop_s = (ended[0] if ended else float("nan")) - asked
        wait(60_000, lambda: dock.session.state is RunState.IDLE)
        idle_s = time.perf_counter() - asked
        dock.close_down()
        viewer.close()
        wait(500)
    every = rest_delays + scroll_delays
    return {
        "scenario": "training",
        "loop_delay_ms": percentiles(every),
        "loop_delay_resting_ms": percentiles(rest_delays),
        "click_p95_ms": wait_of_a_click(every),
        "section_change_ms": percentiles(wall for _, wall, _ in changes),
        "section_change_map_known_ms": percentiles(wall for known, wall, _ in changes if known),
        "section_change_map_unknown_ms": percentiles(wall for known, wall, _ in changes if not known),
        "section_change_cpu_ms": percentiles(cpu for _, _, cpu in changes),
        **rest,
        "first_map_s": round(start_s, 1),
        "stop_s": round(stop_s, 2),
        "idle_after_stop_s": round(idle_s, 2),
        "cpu_count": os.cpu_count(),
    }


def _n_new(answers: list[SnapshotTaken]) -> int:
    """Return how many answers show other values than the one before them: a refresh without news is none."""
    return sum(not np.array_equal(one.confidence, other.confidence) for one, other in pairwise(answers))


def _is_known(viewer: Any, dock: AutoclassDock) -> bool:
    layer = dock.layers.class_layer
    return layer is not None and bool(np.asarray(layer.data[int(viewer.dims.current_step[0])]).any())


def _scroll(
    viewer: Any, painted: PaintWatch, seconds: float, is_known: Any
) -> tuple[list[float], list[tuple[bool, float, float]]]:
    """Return the delays, and (was the map known, ms, processor ms of this thread) of each section change.

    Sections there and back, one every 0.7 s: the first time their map is unknown, the second time known.
    """
    loop, changes = LoopWatch(), list[tuple[bool, float, float]]()
    first = int(viewer.dims.current_step[0])
    span = max(2, int(1000 * seconds / _STEP_EVERY_MS / 2))
    loop.start()
    for i in range(2 * span):
        away = i + 1 if i < span else 2 * span - i - 2
        z = (first + away) % N_SECTIONS
        # Looked up before, at no cost to what is measured.
        before = int(viewer.dims.current_step[0])
        if z == before:
            continue
        known = list[bool]()
        taken = painted.took(lambda z=z: viewer.dims.set_current_step(0, z))
        known.append(is_known())
        changes.append((known[0], *taken))
        wait(max(50.0, _STEP_EVERY_MS - taken[0]))
    return list(loop.stop()), changes
