"""Memory that was used is given back to the system, so that a larger stack needs no more of it."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

__all__ = ["return_large_arrays"]

_M_MMAP_THRESHOLD: Final = -3  # malloc.h of glibc
# The arrays of a tile have 10 to 50 MB. Lower thresholds save no more, but cost time: each array is zeroed afresh.
_BYTES: Final = 12 * 2**20


def return_large_arrays() -> bool:
    """Have the C library map every large array by itself and unmap it when it is freed; return whether it does.

    glibc begins so, but after the first freed array it keeps the next ones in its heap, which arrays of ever changing
    sizes then tear into pieces: predicting 32 x 512 x 512 voxels peaked at 800 to 915 MiB and 8 times as many at 915
    to 1030, against 500 for both with a fixed threshold, for a fifth more processor time.  Other C libraries (musl,
    macOS, Windows) have no such setting and no such heap.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _BYTES))
