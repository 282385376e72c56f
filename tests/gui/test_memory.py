"""Memory given back by the C library."""

from __future__ import annotations

import subprocess
import sys

import pytest

# In a process of its own: the heap of one that has run a thousand tests is full of holes, which arrays are put into.
PROGRAM = """
import threading
from pathlib import Path

import numpy as np

from napari_em_autoclass.gui.memory import give_back_memory

kept = []


def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def work():
    arrays = [np.ones(12_000, np.uint8) for _ in range(10_000)]  # small enough for the heap: 120 MB
    kept.append(np.ones(64, np.uint8))  # at the top of it
    del arrays


thread = threading.Thread(target=work)
thread.start()
thread.join()
before = resident_mb()
returned = give_back_memory()
print(returned, before - resident_mb())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc keeps freed arrays")
def test_what_a_thread_freed_goes_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    returned, megabytes = done.stdout.split()
    assert returned == "True"
    assert float(megabytes) > 60
