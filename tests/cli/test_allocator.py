from __future__ import annotations

import subprocess
import sys

import pytest

from napari_em_autoclass.cli.allocator import return_large_arrays

# Small arrays that stay lie between large ones that go; the last line is what the process still holds.
FREEING = """
import sys
from pathlib import Path
from napari_em_autoclass.cli.allocator import return_large_arrays
import numpy as np

def held_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

if sys.argv[1] == "returned":
    assert return_large_arrays()
del_first = np.ones(31 * 2**20, np.uint8)
del del_first  # from now on glibc would keep arrays of up to this size in its heap
before = held_mib()
large, small = zip(*[(np.ones(14 * 2**20, np.uint8), np.ones(2**16, np.uint8)) for _ in range(8)], strict=True)
del large
print(held_mib() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc has the setting")
def test_large_arrays_go_back_to_the_system_when_freed() -> None:
    if not return_large_arrays():
        pytest.skip("this C library has no such setting")
    held = {}
    for way in ("kept", "returned"):
        done = subprocess.run([sys.executable, "-c", FREEING, way], capture_output=True, text=True, check=True)
        held[way] = float(done.stdout)
    assert held["returned"] < 6
    assert held["kept"] > 50  # else the test shows nothing


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert return_large_arrays() is False
