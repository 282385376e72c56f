"""Does the memory of `em-autoclass train` grow with the stack?  The peak for 64 GiB beside that for 1 GiB.

    python benchmarks/large_training.py [--steps 40] [--side 4096]

Both stacks are sharded OME-Zarr on disk (shards of 512³, chunks of 64³, uint8, uncompressed), made of two shards drawn
from a phantom: all others are hard links to these two, so that 64 GiB take 256 MiB of the disk and are read like any
other store.  Each is trained on by a process of its own, with the same settings.  What is printed: peak resident
memory, seconds until the first step and in all, and bytes read from files.  Fails when the larger one needs 20 % more
memory.
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
from typing import Any

import numpy as np
import zarr

from napari_em_autoclass.core.phantom import make_phantom

ALLOWED_GROWTH = 1.2
SHARD, CHUNK, VOXEL_NM = 512, 64, (8.0, 8.0, 8.0)
PHANTOM_SHAPE = (64, 256, 256)
SMALL_SIDE = 1024


def main() -> int:
    """Print both runs and the ratio of their peaks as one line of JSON; return 1 if it is too large."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--side", type=int, default=4096, help="of the large stack, voxels; a multiple of 512")
    parser.add_argument("--folder", type=Path, default=None, help="for the stacks; must allow hard links")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        patterns = make_patterns(Path(folder))
        rows = [measure(Path(folder), patterns, side, asked.steps) for side in (SMALL_SIDE, asked.side)]
    ratio = rows[1]["peak_mib"] / rows[0]["peak_mib"]
    print(json.dumps({"runs": rows, "ratio": round(ratio, 3), "allowed": ALLOWED_GROWTH}))
    return int(ratio >= ALLOWED_GROWTH)


def make_patterns(folder: Path) -> list[Path]:
    """Write two shards, tiled from a phantom and its mirror image, and return their files."""
    pattern = make_phantom(PHANTOM_SHAPE, "fibsem").raw
    times = [-(-SHARD // length) for length in PHANTOM_SHAPE]
    store = zarr.open_group(folder / "patterns.zarr", mode="w")
    array = _array(store, (2 * SHARD, SHARD, SHARD))
    # Mirrored at each border of the phantom, so that no shift shows where two copies meet.
    tiled = np.pad(
        pattern, [(0, length * (n - 1)) for length, n in zip(PHANTOM_SHAPE, times, strict=True)], "symmetric"
    )
    tiled = tiled[:SHARD, :SHARD, :SHARD]
    for i in range(2):
        array[i * SHARD : (i + 1) * SHARD] = tiled if i == 0 else tiled[:, ::-1, ::-1]
    return [folder / f"patterns.zarr/0/c/{i}/0/0" for i in range(2)]


def write_stack(path: Path, patterns: list[Path], side: int) -> None:
    """Write an OME-Zarr of `side`³ voxels whose shards are links to the patterns."""
    group = zarr.open_group(path, mode="w")
    _array(group, (side,) * 3)
    axes = [{"name": letter, "type": "space", "unit": "nanometer"} for letter in "zyx"]
    scale = [{"type": "scale", "scale": list(VOXEL_NM)}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    for z, y, x in np.ndindex(*(side // SHARD,) * 3):
        shard = path / f"0/c/{z}/{y}/{x}"
        shard.parent.mkdir(parents=True, exist_ok=True)
        os.link(patterns[(z + y + x) % 2], shard)


def _array(group: zarr.Group, shape: tuple[int, ...]) -> Any:
    chunks, shards = (CHUNK,) * 3, (SHARD,) * 3
    return group.create_array("0", shape=shape, chunks=chunks, shards=shards, dtype="uint8", compressors=None)


def measure(folder: Path, patterns: list[Path], side: int, steps: int) -> dict[str, Any]:
    """Train on a stack of `side`³ voxels and return what it took."""
    stack = folder / f"stack-{side}.ome.zarr"
    write_stack(stack, patterns, side)
    command = [sys.executable, "-m", "napari_em_autoclass", "train", str(stack), "--out", str(folder / f"run-{side}")]
    command += ["--steps", str(steps), "--threads", "1", "--set", "training.tiles_per_step=2", "--json"]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    first_step_s, io = None, {}
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "StepDone" and first_step_s is None:
            first_step_s = time.perf_counter() - began
        io = _read_bytes(process.pid) or io
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"the training of {stack.name} failed")
    return {
        "gib": round(side**3 / 2**30, 2),
        "peak_mib": round(usage.ru_maxrss / 1024),
        "first_step_s": round(first_step_s or 0.0, 1),
        "seconds": round(time.perf_counter() - began, 1),
        "read_mib": round(io.get("rchar", 0) / 2**20),
    }


def _read_bytes(pid: int) -> dict[str, int]:
    """Return what the kernel counted of a process, where it tells."""
    try:
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    except OSError:
        return {}
    return {name: int(value) for name, value in (line.split(": ") for line in lines)}


if __name__ == "__main__":
    sys.exit(main())
