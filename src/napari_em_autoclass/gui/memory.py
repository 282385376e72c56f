"""Memory that a task is done with goes back to the system: the viewer lives for hours, a training for minutes."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["give_back_memory"]


def give_back_memory() -> bool:
    """Ask the C library to return what it keeps of freed arrays; return whether any was returned.

    glibc keeps them for the thread that made them, and each task of the dock has a thread of its own.  Takes some
    milliseconds; other C libraries return memory by themselves.
    """
    # No gc.collect() here: collected in a thread, Qt's objects would be destroyed in the wrong one.
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (OSError, AttributeError):  # musl
        return False
