"""How fast a training goes, and how long it will take, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_em_autoclass.core.events import StepDone

__all__ = ["pace_of"]


def pace_of(event: StepDone) -> str:
    """Return "1:42 left · 38 steps/s"; nothing is said about the time before it can be known."""
    speed = event.step / event.elapsed_s if event.elapsed_s > 0 else 0.0
    pace = f"{speed:.0f} steps/s" if speed >= 10 else f"{speed:.1f} steps/s"
    if event.fraction <= 0.01:
        return pace
    left = round(event.elapsed_s * (1 - event.fraction) / event.fraction)
    hours, minutes, seconds = left // 3600, left // 60 % 60, left % 60
    clock = f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
    return f"{clock} left · {pace}"
