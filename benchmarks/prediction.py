"""How fast predicting is beside a plain loop over `model(block)`, in one process and on one and two Dask workers.

    python benchmarks/prediction.py [--shape 2 2048 2048] [--rounds 7] [--out prediction.json]

One thread each. In turn, so that whatever else the machine does falls on all alike: a plain loop over the network on
tensors that lie ready, as somebody would write it; the same with the one liberty that predicting takes, to make
nothing of a tile's surroundings but what its pixels depend on; `em-autoclass predict` in one process; the same on one
and on two workers of a LocalCluster. Each round gives one ratio, the median of the rounds counts: a virtual machine's
own speed wanders by a fifth within minutes. A worker's start, some seconds, is not in it: counted is from its first
block to its last. Beside the time on the clock stands the processor's, which the other programs of a busy machine
don't change much. Fails when predicting is slower than 85 % of the plain loop, or a worker 15 % slower beside
another.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import torch

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.phantom import make_phantom
from napari_em_autoclass.core.predict import Predictor
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io import open_volume
from napari_em_autoclass.io.block_work import InThisProcess
from napari_em_autoclass.io.cluster import own_workers
from napari_em_autoclass.io.dask_predict import OnDask
from napari_em_autoclass.io.predict_map import MapOrder, predict_map
from napari_em_autoclass.io.run_export import RunExport
from napari_em_autoclass.io.stack_file import write_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_em_autoclass.io.block_work import Executor

LEAST_SHARE, MOST_FALL = 0.85, 0.15
VOXEL_NM = (50.0, 4.0, 4.0)
_FLOOR_TILES = 24


@dataclass(frozen=True)
class Speed:
    """Million voxels per second, by the clock and by the processor."""

    wall: float
    cpu: float


def main() -> int:
    """Print the figures as one line of JSON; return 1 if a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shape", type=int, nargs=3, default=(2, 2048, 2048), metavar=("Z", "Y", "X"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        figures = compared(measure(Path(folder), tuple(args.shape), args.rounds))
    figures["load"] = round(os.getloadavg()[0], 2)
    print(json.dumps(figures))
    if args.out:
        args.out.write_text(json.dumps(figures, indent=1) + "\n")
    return int(not figures["kept"])


def measure(folder: Path, shape: tuple[int, ...], n_rounds: int) -> dict[str, list[Speed]]:
    """Return the speeds of each way, one a round."""
    pattern = make_phantom((4, 512, 512), "sstem", 0).raw
    repeats = [-(-n // part) for n, part in zip(shape, pattern.shape, strict=True)]
    stack = folder / "stack.ome.zarr"
    write_stack(folder / "pattern.ome.zarr", pattern, VOXEL_NM)
    write_stack(stack, np.tile(pattern, repeats)[tuple(slice(n) for n in shape)], VOXEL_NM)
    train = ("train", folder / "pattern.ome.zarr", "--out", folder / "run", "--steps", 4)
    program = [sys.executable, "-m", "napari_em_autoclass", *map(str, train), "--set", "training.tiles_per_step=2"]
    subprocess.run(program, check=True, stdout=subprocess.DEVNULL)
    ways: dict[str, Callable[[], Speed]] = {
        "model(block)": lambda: floor(folder / "run", stack, leaves_out=False),
        "model(block, margin)": lambda: floor(folder / "run", stack, leaves_out=True),
        "in process": lambda: predicted(folder, stack, here),
        "1 worker": lambda: predicted(folder, stack, lambda: workers(stack, 1)),
        "2 workers": lambda: predicted(folder, stack, lambda: workers(stack, 2)),
    }
    speeds: dict[str, list[Speed]] = {name: [] for name in ways}
    for _ in range(n_rounds):
        for name, way in ways.items():
            speeds[name].append(way())
    return speeds


def floor(run: Path, stack: Path, *, leaves_out: bool) -> Speed:
    """Return the speed of the network alone, on tiles with their surroundings (which it leaves out) that lie ready."""
    volume = open_volume(stack)
    made = Predictor.of(RunFolder.open(run).model("cpu"), volume)
    grid, working, halo = made.grid, made.working, made.grid.halo
    places = [(z, y, x) for z in range(volume.shape_zyx[0]) for y, x in grid.corners()][:_FLOOR_TILES]
    tiles = [
        torch.from_numpy(
            working.read_with_context(
                Box(z, z + 1, y - halo, y + grid.height + halo, x - halo, x + grid.width + halo),
                made.classifier.context,
            )
        )[None]
        for z, y, x in places
    ]
    voxels = len(tiles) * grid.height * working.factors_yx[0] * grid.width * working.factors_yx[1]
    margin = halo - 1 if leaves_out else 0
    with torch.no_grad():
        made.classifier(tiles[0], margin)  # makes buffers
        began, cpu = time.perf_counter(), time.process_time()
        for tile in tiles:
            made.classifier(tile, margin)
        return Speed(voxels / 1e6 / (time.perf_counter() - began), voxels / 1e6 / (time.process_time() - cpu))


@contextmanager
def here() -> Iterator[tuple[Executor, list[psutil.Process]]]:
    """Give what makes blocks in this process."""
    yield InThisProcess(), [psutil.Process()]


@contextmanager
def workers(stack: Path, n: int) -> Iterator[tuple[Executor, list[psutil.Process]]]:
    """Give what makes blocks on `n` workers of one thread, and their processes."""
    with own_workers(n, 1) as client:
        pids = client.run(os.getpid)
        yield OnDask(client, lambda: open_volume(stack)), [psutil.Process(pid) for pid in pids.values()]


def predicted(folder: Path, stack: Path, crew: Callable[[], object]) -> Speed:
    """Return the speed of predicting, once every worker has made a block."""
    volume, run = open_volume(stack), RunFolder.open(folder / "run")
    model, out = run.model("cpu"), folder / "classes.ome.zarr"
    order = MapOrder(out, RunExport(run, volume, run.history.present), model)
    with crew() as (executor, processes), closing(predict_map(order, executor)) as steps:
        n_blocks = next(steps).n_blocks
        for _ in processes:
            next(steps)
        began, cpu = time.perf_counter(), seconds_of(processes)
        for _ in range(n_blocks - len(processes)):
            next(steps)
        wall, cpu = time.perf_counter() - began, seconds_of(processes) - cpu
        for _ in steps:
            raise AssertionError
    shutil.rmtree(out)
    voxels = int(np.prod(volume.shape_zyx)) / n_blocks * (n_blocks - len(processes)) / 1e6
    return Speed(voxels / wall, voxels / cpu)


def seconds_of(processes: list[psutil.Process]) -> float:
    """Return the processor time that processes have used."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def compared(speeds: dict[str, list[Speed]]) -> dict[str, object]:
    """Return the median speeds, and the median and the quartiles of how they compare within a round."""
    shown: dict[str, object] = {"rounds": len(speeds["model(block)"])}
    ratios: dict[str, dict[str, list[float]]] = {}
    for kind in ("wall", "cpu"):
        found = {name: np.array([getattr(speed, kind) for speed in rounds]) for name, rounds in speeds.items()}
        alone, bare, process, one, two = found.values()
        per_worker = two / 2 if kind == "wall" else two
        ratios[kind] = {
            "in process / model(block)": quartiles(process / alone),
            "in process / model(block, margin)": quartiles(process / bare),
            "1 worker / model(block)": quartiles(one / alone),
            "each of 2 workers / 1 worker": quartiles(per_worker / one),
        }
        shown[f"Mvoxel_{kind}_s"] = {name: round(float(np.median(values)), 3) for name, values in found.items()}
    shown |= {f"{kind}, quartiles": found for kind, found in ratios.items()}
    in_process, _, on_one, beside = (quarter[1] for quarter in ratios["wall"].values())
    shown["kept"] = min(in_process, on_one) >= LEAST_SHARE and beside >= 1 - MOST_FALL
    return shown


def quartiles(values: np.ndarray) -> list[float]:
    """Return the lower quartile, the median and the upper quartile."""
    return [round(float(value), 3) for value in np.percentile(values, [25, 50, 75])]


if __name__ == "__main__":
    sys.exit(main())
