"""Snapshots over time in bounded memory."""

from __future__ import annotations

import numpy as np

from napari_em_autoclass.core.events import SnapshotTaken, ViewRequest
from napari_em_autoclass.gui.map_history import MapHistory


def snapshot(step: int, z: int = 0, side: int = 10) -> SnapshotTaken:
    classes = np.full((side, side), 1 + step % 4, np.uint8)
    return SnapshotTaken("run", step, "learning", ViewRequest(z, 0, side, 0, side), classes, classes)


def test_it_keeps_the_first_the_newest_and_an_even_choice_between() -> None:
    history = MapHistory(most=12)
    for step in range(500):
        history.add(snapshot(step))
    steps = [taken.step for taken in history]
    assert len(steps) == 12
    assert (steps[0], steps[-1]) == (0, 499)
    assert steps == sorted(steps)
    assert steps[4] < 125  # more of the beginning, when the map changes most


def test_memory_is_bounded() -> None:
    history = MapHistory(budget_bytes=1000)
    for step in range(50):
        history.add(snapshot(step))
    assert history.held_bytes <= 1000


def test_another_section_begins_anew_and_the_same_step_replaces() -> None:
    history = MapHistory()
    history.add(snapshot(1))
    history.add(snapshot(1))
    assert len(history) == 1
    history.add(snapshot(2))
    history.add(snapshot(3, z=4))
    assert [taken.view.z for taken in history] == [4]
    history.clear()
    assert len(history) == 0
