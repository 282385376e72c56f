from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from napari_em_autoclass.core.comparison import memory
from napari_em_autoclass.core.comparison.memory import PeakMemory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells the peak")
def test_a_short_peak_is_seen_and_what_was_held_before_is_not() -> None:
    before = np.ones(100_000_000, np.uint8)
    peak = PeakMemory("cpu")
    np.ones(50_000_000, np.uint8)  # freed at once
    grown = peak.figures()["peak_mb"]
    assert 45 < grown < 90
    assert before.size


def test_where_the_peak_is_not_told_there_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "Path", lambda _: Path("/nowhere/at/all"))
    assert PeakMemory("cpu").figures() == {}
