from __future__ import annotations

from itertools import pairwise

import pytest

from napari_em_autoclass.core import quality_watch
from napari_em_autoclass.core.events import QualityMeasured
from napari_em_autoclass.core.quality_watch import QualityWatch


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
