from __future__ import annotations

import pytest

from napari_em_autoclass.core import clock
from napari_em_autoclass.core.clock import Clock, Timer


class FakeTime:
    """A clock that moves only when told to."""

    now = 50.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def fake_time(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime()
    monkeypatch.setattr(clock, "time", fake)
    return fake


def test_a_clock_counts_from_its_making(fake_time: FakeTime) -> None:
    made = Clock()
    assert made.elapsed() == 0
    fake_time.now += 3
    assert made.elapsed() == 3


def test_pauses_do_not_count(fake_time: FakeTime) -> None:
    made = Clock()
    fake_time.now += 3
    made.pause()
    fake_time.now += 100
    assert made.elapsed() == 3
    made.pause()
    fake_time.now += 100
    made.go_on()
    fake_time.now += 2
    made.go_on()
    fake_time.now += 1
    assert made.elapsed() == 6


def test_what_an_earlier_process_spent_counts(fake_time: FakeTime) -> None:
    made = Clock()
    made.elapsed_s = 40
    fake_time.now += 2
    assert made.elapsed() == 42
    made.pause()
    assert made.elapsed() == 42


def test_a_timer_is_due_again_after_its_time(fake_time: FakeTime) -> None:
    timer = Timer()
    assert not timer.is_due(2)
    fake_time.now += 2
    assert timer.is_due(2)
    assert timer.is_due(2)
    timer.restart()
    assert not timer.is_due(2)
    fake_time.now += 1.9
    assert not timer.is_due(2)
