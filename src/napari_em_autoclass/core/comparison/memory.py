"""How much memory a part of the program takes at most."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress
from pathlib import Path

import torch

__all__ = ["PeakMemory"]

_MB = 1e6


class PeakMemory:
    """The growth of this process's memory, and the use of a GPU's, since it was made.

    On Linux the kernel keeps the peak of the resident memory, and forgets it when asked to; nothing is sampled, so no
    short peak is missed.  Elsewhere there is no such figure.

    Parameters
    ----------
    device : name of torch's device, e.g. "cpu"
    """

    def __init__(self, device: str) -> None:
        self._on_gpu = device.startswith("cuda")
        gc.collect()
        _give_back()
        self._since_kb = _forget_peak()
        if self._on_gpu:
            torch.cuda.reset_peak_memory_stats()

    def figures(self) -> dict[str, float]:
        """Return `peak_mb`, the growth to the peak, and `gpu_mb`, the peak on a GPU; what isn't known is left out."""
        figures = {}
        peak_kb = _status("VmHWM")
        if self._since_kb is not None and peak_kb is not None:
            figures["peak_mb"] = max(peak_kb - self._since_kb, 0) * 1024 / _MB
        if self._on_gpu:
            figures["gpu_mb"] = torch.cuda.max_memory_allocated() / _MB
        return figures


def _give_back() -> None:
    """Have the C library return what was freed, or the next recipe would seem to need less than it does."""
    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


def _forget_peak() -> int | None:
    """Have the kernel count the peak anew; return the KiB held now, None where that can't be done."""
    try:
        Path("/proc/self/clear_refs").write_text("5")  # proc(5): 5 resets the peak and nothing else
    except OSError:
        return None
    return _status("VmRSS")


def _status(name: str) -> int | None:
    """Return a line of /proc/self/status in KiB."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), None)
