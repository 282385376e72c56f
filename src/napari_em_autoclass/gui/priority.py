"""Let the window have a processor when it wants one: learning takes what is left, which is nearly all."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["after_the_window"]

#: On Linux a thread that is 5 nicer gets a third of the time of one that is not, where both want all of it.
_NICER = 5


@contextmanager
def after_the_window() -> Iterator[None]:
    """Within the block, let this thread, and those that it starts, wait for the window's when processors are scarce.

    Only on Linux, where niceness is that of a thread; elsewhere it is that of the program.  Who may not be less nice
    again, as most users, has a nicer thread for good: threads of a pool do nothing but such work.
    """
    before = _nicer_by(_NICER)
    try:
        yield
    finally:
        if before is not None:
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), before)


def _nicer_by(step: int) -> int | None:
    """Return how nice this thread was before, None where nothing changed."""
    if not sys.platform.startswith("linux"):
        return None
    thread = threading.get_native_id()
    try:
        before = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, min(before + step, 19))
    except OSError:
        return None
    return before
