"""Start-up of the command line and of the dock, and the first sketch of a stack."""

from __future__ import annotations

import compileall
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from _speed_pairs import Promise, Row, value_row
from _speed_step import small_volume

import napari_em_autoclass
from napari_em_autoclass.core.model import working_volume
from napari_em_autoclass.core.run_settings import load_recipe
from napari_em_autoclass.core.warm_start import warm_start

__all__ = ["start_rows", "warm_start_rows"]

HELP = Promise("help", "em-autoclass --help, processor seconds", 0.4)
DOCK = Promise("dock", "the dock opens in a running napari, processor seconds", 1.0)
WARM = Promise("warm_start", "filter bank and k-means on 30 x 512 x 512 pixels, processor seconds", 3.0)

_OPEN_DOCK = """
import json, sys, time
import napari
viewer = napari.Viewer()
had = set(sys.modules)
since, cpu = time.perf_counter(), time.process_time()
from napari_em_autoclass.gui.dock import AutoclassDock
from qtpy.QtWidgets import QApplication
viewer.window.add_dock_widget(AutoclassDock(viewer), name="EM Autoclass", area="right")
QApplication.processEvents()
wall, cpu = time.perf_counter() - since, time.process_time() - cpu
print(json.dumps({"wall_s": wall, "cpu_s": cpu, "torch": "torch" in set(sys.modules) - had}))
sys.stdout.flush()
import os; os._exit(0)
"""


def start_rows(rounds: int) -> list[Row]:
    """Return start-up of `em-autoclass --help` and of the dock; the first start, which fills caches, doesn't count."""
    # As an installer does: where Python may not write bytecode, each start would compile anew what has changed.
    compileall.compile_dir(Path(napari_em_autoclass.__file__).parent, quiet=1)
    helps = [_help() for _ in range(rounds + 1)][1:]
    rows = [value_row(HELP, [cpu for cpu, _ in helps], wall_s=round(min(wall for _, wall in helps), 2))]
    if os.environ.get("DISPLAY") or os.environ.get("QT_QPA_PLATFORM"):
        docks = [_dock() for _ in range(max(2, rounds // 2) + 1)][1:]
        walls = round(min(dock["wall_s"] for dock in docks), 2)
        torch_too = any(dock["torch"] for dock in docks)
        rows.append(value_row(DOCK, [dock["cpu_s"] for dock in docks], wall_s=walls, loads_torch=torch_too))
    return rows


def _help() -> tuple[float, float]:
    """Return processor and clock seconds of a process that prints the help."""
    before, since = _children(), time.perf_counter()
    program = [sys.executable, "-m", "napari_em_autoclass", "--help"]
    subprocess.run(program, check=True, stdout=subprocess.DEVNULL)
    return _children() - before, time.perf_counter() - since


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _dock() -> dict[str, float]:
    done = subprocess.run([sys.executable, "-c", _OPEN_DOCK], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def warm_start_rows(rounds: int) -> list[Row]:
    """Return the first sketch of 30 sections of 512 x 512 working pixels: two fits, of classes and of textons."""
    settings = load_recipe("neighbour-forecast")
    volume = small_volume((30, 512, 512))
    working = working_volume(volume, settings)
    taken, walls = [], []
    for _ in range(rounds + 1):
        since, cpu = time.perf_counter(), time.process_time()
        warm_start(working, settings)
        taken.append(time.process_time() - cpu)
        walls.append(time.perf_counter() - since)
    return [value_row(WARM, taken[1:], wall_s=round(min(walls[1:]), 2), with_imports_s=round(taken[0], 2))]
