from __future__ import annotations

import numpy as np

from napari_em_autoclass.core.elsewhere import event_buffer
from napari_em_autoclass.core.elsewhere.event_buffer import MOST_AT_ONCE, EventBuffer
from napari_em_autoclass.core.events import (
    CheckpointSaved,
    CutRequest,
    CutTaken,
    Notice,
    SnapshotTaken,
    StepDone,
    ViewRequest,
)


def step(number: int) -> StepDone:
    return StepDone("r", number, 0.1, 0.1, (), 1.0, 3.0, (0.5, 0.5))


def picture(number: int) -> SnapshotTaken:
    classes = np.ones((2, 2), np.uint8)
    return SnapshotTaken("r", number, "learning", ViewRequest(0, 0, 2, 0, 2), classes, classes)


def test_what_was_not_fetched_yet_comes_in_order() -> None:
    buffer = EventBuffer()
    for number in range(5):
        buffer.put(step(number))
    fetched = buffer.after(2)
    assert [(n, event.step) for n, event in fetched if isinstance(event, StepDone)] == [(3, 2), (4, 3), (5, 4)]
    assert buffer.after(5) == []


def test_of_pictures_and_checkpoints_only_the_last_is_kept_and_of_steps_all() -> None:
    buffer = EventBuffer()
    for number in range(10):
        buffer.put(step(number))
        buffer.put(picture(number))
        buffer.put(CheckpointSaved("r", number, "there"))
    events = [event for _, event in buffer.after(0)]
    assert [event.step for event in events if isinstance(event, StepDone)] == list(range(10))
    assert [event.step for event in events if isinstance(event, SnapshotTaken)] == [9]
    assert [event.step for event in events if isinstance(event, CheckpointSaved)] == [9]
    assert buffer.n_dropped_pictures == 9


def test_a_late_listener_gets_the_steps_in_portions_and_misses_none() -> None:
    buffer = EventBuffer()
    for number in range(2 * MOST_AT_ONCE + 7):
        buffer.put(step(number))
    at, seen = 0, []
    while portion := buffer.after(at):
        assert len(portion) <= MOST_AT_ONCE
        seen += [event.step for _, event in portion if isinstance(event, StepDone)]
        at = portion[-1][0]
    assert seen == list(range(2 * MOST_AT_ONCE + 7))


def test_memory_is_bounded_and_the_newest_steps_are_complete(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(event_buffer, "_MOST_STEPS", 100)
    monkeypatch.setattr(event_buffer, "_MOST_OTHERS", 10)
    buffer = EventBuffer()
    buffer.put(Notice("r", "first"))
    for number in range(5000):
        buffer.put(step(number))
    steps = [event.step for _, event in buffer.after(0) if isinstance(event, StepDone)]
    assert 50 <= len(steps) <= 100
    assert steps[-30:] == list(range(4970, 5000))
    assert steps == sorted(steps)


def test_notices_without_end_do_not_fill_the_memory(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(event_buffer, "_MOST_STEPS", 100)
    monkeypatch.setattr(event_buffer, "_MOST_OTHERS", 10)
    buffer = EventBuffer()
    for number in range(1000):
        buffer.put(Notice("r", str(number)))
    assert len(buffer.after(0)) <= 110


def cut(sections: tuple[int, ...], serial: int) -> CutTaken:
    strips = np.ones((len(sections), 2, 2), np.uint8)
    view = CutRequest(0, 6, 1, 2, 0, 2, serial=serial)
    return CutTaken("r", 1, "learning", view, sections, (0, 0), strips, strips)


def test_strips_of_a_cut_are_kept_until_they_come_anew_or_another_cut_is_looked_at() -> None:
    buffer = EventBuffer()
    for sections in ((0, 2), (1, 3), (0, 2)):
        buffer.put(cut(sections, 1))
    kept = [event for _, event in buffer.after(0)]
    assert [event.sections for event in kept if isinstance(event, CutTaken)] == [(1, 3), (0, 2)]
    buffer.put(cut((5,), 2))
    assert [event.sections for _, event in buffer.after(0) if isinstance(event, CutTaken)] == [(5,)]
