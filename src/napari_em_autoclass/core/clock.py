"""Time as a training sees it: pauses don't count."""

from __future__ import annotations

import time

__all__ = ["Clock", "Timer"]


class Clock:
    """Seconds spent training since it was made; `elapsed_s` may be set to what an earlier process spent."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0
        self._since: float | None = time.perf_counter()

    def elapsed(self) -> float:
        """Return the seconds spent, pauses left out."""
        running = 0.0 if self._since is None else time.perf_counter() - self._since
        return self.elapsed_s + running

    def pause(self) -> None:
        """Stop counting."""
        self.elapsed_s, self._since = self.elapsed(), None

    def go_on(self) -> None:
        """Count again, if it was paused."""
        if self._since is None:
            self._since = time.perf_counter()


class Timer:
    """Tells when something is due again."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def seconds(self) -> float:
        """Return the seconds since the start or the last `restart`."""
        return time.perf_counter() - self._last

    def is_due(self, every_s: float) -> bool:
        """Return whether `every_s` seconds have passed since the start or the last `restart`."""
        return self.seconds() >= every_s

    def restart(self) -> None:
        """Begin to wait again."""
        self._last = time.perf_counter()
