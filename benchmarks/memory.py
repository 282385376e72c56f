"""Does the memory of `em-autoclass predict` grow with the stack?  Peaks for a stack, and for one 8 times larger.

    python benchmarks/memory.py [--shape 32 512 512]

Both stacks are Zarr on disk, tiled from a phantom, and predicted by a process of its own with the same run.  Fails when
the larger one needs 20 % more.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import zarr

from napari_em_autoclass.core.phantom import make_phantom
from napari_em_autoclass.io.stack_file import write_stack

ALLOWED_GROWTH = 1.2
VOXEL_NM = (50.0, 4.0, 4.0)
PHANTOM_SHAPE = (8, 256, 256)


def main() -> int:
    """Print both peaks and their ratio as one line of JSON; return 1 if it is too large."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shape", type=int, nargs=3, default=(32, 512, 512), metavar=("Z", "Y", "X"))
    shape = tuple(parser.parse_args().shape)
    with tempfile.TemporaryDirectory() as folder:
        peaks = measure(Path(folder), shape)
    ratio = peaks[1]["peak_mib"] / peaks[0]["peak_mib"]
    print(json.dumps({"peaks": peaks, "ratio": round(ratio, 3), "allowed": ALLOWED_GROWTH}))
    return int(ratio >= ALLOWED_GROWTH)


def measure(folder: Path, shape: tuple[int, ...]) -> list[dict[str, object]]:
    """Return shape, peak memory and duration for `shape` and for twice as long axes."""
    pattern = make_phantom(PHANTOM_SHAPE, "sstem").raw
    write_stack(folder / "pattern.ome.zarr", pattern, VOXEL_NM)
    run = folder / "run"
    peak_mib("train", folder / "pattern.ome.zarr", "--out", run, "--steps", 4, "--set", "training.tiles_per_step=2")
    peaks: list[dict[str, object]] = []
    for factor in (1, 2):
        stack = folder / f"stack-{factor}.ome.zarr"
        large = tuple(length * factor for length in shape)
        write_tiled(stack, pattern, large)
        began = time.perf_counter()
        peak = peak_mib("predict", run, stack, "--out", folder / f"classes-{factor}.ome.zarr")
        peaks.append({"shape_zyx": large, "peak_mib": round(peak), "seconds": round(time.perf_counter() - began, 1)})
    return peaks


def write_tiled(path: Path, pattern: np.ndarray, shape: tuple[int, ...]) -> None:
    """Write a stack of `shape` made of copies of `pattern`, one copy at a time."""
    write_stack(path, pattern[:1, :1, :1], VOXEL_NM)
    group = zarr.open_group(path, mode="r+")
    array = group.create_array("0", shape=shape, chunks=pattern.shape, dtype=pattern.dtype, overwrite=True)
    for corner in np.ndindex(*(-(-length // part) for length, part in zip(shape, pattern.shape, strict=True))):
        at = tuple(
            slice(index * part, min((index + 1) * part, length))
            for index, part, length in zip(corner, pattern.shape, shape, strict=True)
        )
        array[at] = pattern[tuple(slice(0, part.stop - part.start) for part in at)]


def peak_mib(*arguments: object) -> float:
    """Run `em-autoclass` in a process of its own and return the largest memory it held."""
    command = [sys.executable, "-m", "napari_em_autoclass", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)  # bytes there, KiB elsewhere


if __name__ == "__main__":
    sys.exit(main())
