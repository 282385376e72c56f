"""How long something under way will take, as people say it."""

from __future__ import annotations

__all__ = ["time_left_text"]

_KNOWN_FROM = 0.01  # of the work: before, it is anybody's guess
_KNOWN_FROM_S = 1.0


def time_left_text(elapsed_s: float, fraction: float) -> str:
    """Return "34 %  ·  1:20 left"; the time only once it can be told.

    Parameters
    ----------
    elapsed_s : since the beginning
    fraction : done, 0 to 1
    """
    percent = f"{100 * fraction:.0f} %"
    if fraction < _KNOWN_FROM or elapsed_s < _KNOWN_FROM_S:
        return percent
    left = round(elapsed_s * (1 - fraction) / fraction)
    hours, minutes, seconds = left // 3600, left // 60 % 60, left % 60
    clock = f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
    return f"{percent}  ·  {clock} left"
