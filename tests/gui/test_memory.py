"""Memory given back by the C library."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from napari_em_autoclass.gui.memory import give_back_memory


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc keeps freed arrays")
def test_what_a_thread_freed_goes_back_to_the_system() -> None:
    kept: list[np.ndarray] = []

    def work() -> None:
        arrays = [np.ones(12_000, np.uint8) for _ in range(10_000)]  # small enough for the heap: 120 MB
        kept.append(np.ones(64, np.uint8))  # at the top of it
        del arrays

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    before = resident_mb()
    assert give_back_memory()
    assert resident_mb() < before - 60
