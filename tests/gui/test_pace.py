"""Speed and time left, as the dock says them."""

from __future__ import annotations

import pytest

from napari_em_autoclass.core.events import StepDone
from napari_em_autoclass.gui.pace import pace_of


@pytest.mark.parametrize(
    ("step", "fraction", "elapsed_s", "words"),
    [
        (1, 0.005, 0.5, "2.0 steps/s"),
        (380, 0.25, 10.0, "0:30 left · 38 steps/s"),
        (12, 0.5, 120.0, "2:00 left · 0.1 steps/s"),
        (7200, 0.5, 7200.0, "2:00:00 left · 1.0 steps/s"),
    ],
)
def test_it_says_the_time_left_once_that_is_known(step: int, fraction: float, elapsed_s: float, words: str) -> None:
    assert pace_of(StepDone("run", step, fraction, elapsed_s, (), 0.0, 3.0, ())) == words
