from __future__ import annotations

from itertools import pairwise

import pytest

from napari_em_autoclass.core import quality_watch
from napari_em_autoclass.core.events import QualityMeasured
from napari_em_autoclass.core.quality_watch import CollapseWatch, QualityWatch


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(quality_watch, "time", made)
    return made


@pytest.fixture
def watch(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> QualityWatch:
    class SlowJudge:
        def __init__(self, working: object, context: int) -> None:
            clock.now += 1.0

        def score(self, classifier: object) -> float:
            clock.now += 1.0
            return 0.4

    monkeypatch.setattr(quality_watch, "Judge", SlowJudge)
    return QualityWatch(None)  # type: ignore[arg-type]


def test_it_looks_seldom_and_takes_little_time(watch: QualityWatch, clock: Clock) -> None:
    from torch import nn

    looks, spent = [], 0.0
    while clock.now < 1000:
        clock.now += 5.0
        before = clock.now
        found = list(watch.events("run", int(before), nn.Identity()))
        spent += clock.now - before
        looks += [before] if found else []
        assert found in ([], [QualityMeasured("run", int(before), 0.4)])
    assert looks[0] == 25.0  # 20 s after the first call
    assert min(b - a for a, b in pairwise(looks)) >= 20
    assert 10 < len(looks)
    assert spent <= 0.03 * clock.now + 2  # a look that was begun is ended


def test_a_collapse_is_final_after_fifty_steps_in_a_row() -> None:
    watch = CollapseWatch(20)
    watch.see(1.9, 5.0)
    assert (watch.is_under_way, watch.is_final, watch.may_save) == (True, False, True)
    watch.see(2.0, 1.5)  # smoothed it is still sound, but this step alone is not
    assert (watch.is_under_way, watch.may_save) == (False, False)
    for _ in range(49):
        watch.see(1.2, 1.2)
    assert not watch.is_final
    watch.see(1.2, 1.2)
    assert watch.is_final


def test_of_two_classes_one_may_be_most_of_the_tissue() -> None:
    watch = CollapseWatch(2)
    watch.see(1.2, 1.2)
    assert not watch.is_under_way
    watch.see(1.1, 1.1)
    assert watch.is_under_way
