"""Time left in words."""

from __future__ import annotations

import pytest

from napari_em_autoclass.gui.time_left import time_left_text


@pytest.mark.parametrize(
    ("elapsed_s", "fraction", "text"),
    [
        (0.0, 0.0, "0 %"),
        (60.0, 0.001, "0 %"),
        (0.5, 0.5, "50 %"),
        (80.0, 0.5, "50 %  ·  1:20 left"),
        (3600.0, 0.25, "25 %  ·  3:00:00 left"),
        (9.0, 1.0, "100 %  ·  0:00 left"),
    ],
)
def test_the_time_is_told_once_it_can_be(elapsed_s: float, fraction: float, text: str) -> None:
    assert time_left_text(elapsed_s, fraction) == text
