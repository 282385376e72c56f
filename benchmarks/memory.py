"""How the memory of `em-autoclass predict` grows with the stack, in one process and with two workers.

    python benchmarks/memory.py [--gib 1 8] [--blocks 3] [--workers 0 2]

Stacks of so many GiB are predicted, each by processes of its own, until so many blocks of their class map are finished;
then Ctrl-C ends it, as it may at any time.  Reported is the largest memory of any process, the driver or a worker.
The stacks are sparse: a Zarr store whose chunks are names (hard links) of eight files with pieces of a phantom, so that
64 GiB take a few MB of disk, and reading costs what it costs with real ones.  Fails when the largest stack needs 20 %
more than the smallest.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from itertools import product
from math import prod
from pathlib import Path

import zarr

from napari_em_autoclass.core.phantom import make_phantom
from napari_em_autoclass.io.ledger import LEDGER_NAME, read_ledger
from napari_em_autoclass.io.partial_output import partial_path
from napari_em_autoclass.io.stack_file import write_stack

ALLOWED_GROWTH = 1.2
VOXEL_NM = (50.0, 4.0, 4.0)
CHUNK = (16, 512, 512)
N_PIECES = 8


def main() -> int:
    """Print the peaks and their ratios as one line of JSON; return 1 if one is too large."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gib", type=int, nargs="+", default=(1, 8))
    parser.add_argument("--blocks", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="+", default=(0, 2))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        peaks = measure(Path(folder), tuple(args.gib), args.blocks, tuple(args.workers))
    ratios = {crew: round(max(found.values()) / next(iter(found.values())), 3) for crew, found in peaks.items()}
    print(json.dumps({"peak_mib": peaks, "ratio": ratios, "allowed": ALLOWED_GROWTH}))
    return int(max(ratios.values()) >= ALLOWED_GROWTH)


def measure(folder: Path, sizes_gib: tuple[int, ...], n_blocks: int, crews: tuple[int, ...]) -> dict[str, dict]:
    """Return the peak in MiB for each crew and size."""
    pieces = [make_phantom(CHUNK, "sstem", seed).raw for seed in range(N_PIECES)]
    write_stack(folder / "pattern.ome.zarr", pieces[0][:8], VOXEL_NM)
    run = folder / "run"
    train = ("train", folder / "pattern.ome.zarr", "--out", run, "--steps", "4", "--threads", "1")
    subprocess.run(
        [*_program(), *map(str, train), "--set", "training.tiles_per_step=2"], check=True, stdout=subprocess.DEVNULL
    )
    stacks = {size: write_linked(folder / f"{size}.ome.zarr", pieces, shape_of(size)) for size in sizes_gib}
    peaks: dict[str, dict] = {}
    for n_workers in crews:
        how = ("--workers", n_workers, "--threads-per-worker", 1) if n_workers else ("--threads", 1)
        name = f"{n_workers} workers" if n_workers else "in process"
        peaks[name] = {
            f"{size} GiB": round(peak_mib(folder / f"{size}-{n_workers}.ome.zarr", (run, stack, *how), n_blocks))
            for size, stack in stacks.items()
        }
    return peaks


def shape_of(gib: int) -> tuple[int, int, int]:
    """Return the shape of a stack of so many GiB, 128 sections or more."""
    side = 1024
    while 128 * (2 * side) ** 2 <= gib * 2**30:
        side *= 2
    depth = gib * 2**30 // side**2 // CHUNK[0] * CHUNK[0]
    return depth, side, side


def write_linked(path: Path, pieces: list, shape: tuple[int, int, int]) -> Path:
    """Write a stack of `shape` whose chunks are `pieces`, by turns: hard links of one file each."""
    write_stack(path, pieces[0][:1, :1, :1], VOXEL_NM)
    group = zarr.open_group(path, mode="r+")
    array = group.create_array("0", shape=shape, chunks=CHUNK, dtype="uint8", overwrite=True)
    counts = [n // side for n, side in zip(shape, CHUNK, strict=True)]
    files: list[Path] = []
    for turn, at in enumerate(product(*map(range, counts))):
        file = path.joinpath("0", "c", *map(str, at))
        if turn < len(pieces):
            corner = tuple(slice(i * side, (i + 1) * side) for i, side in zip(at, CHUNK, strict=True))
            array[corner] = pieces[turn]
            files.append(file)
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.hardlink_to(files[(turn * 5 + turn // 7) % len(files)])
    assert prod(counts) * prod(CHUNK) == prod(shape)
    return path


def peak_mib(out: Path, arguments: tuple[object, ...], n_blocks: int) -> float:
    """Predict until `n_blocks` are finished, and return the largest memory that any of the processes held."""
    run, stack, *how = arguments
    command = [*_program(), *map(str, ("predict", run, stack, "--out", out, *how))]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while sum(1 for log in partial_path(out).glob(f"*/{LEDGER_NAME}") for _ in read_ledger(log)) < n_blocks:
        if process.poll() is not None:
            raise SystemExit(f"failed: {' '.join(command)}\n{process.communicate()[1].decode()}")
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, _, usage = os.wait4(process.pid, 0)  # with its own children
    return usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)  # bytes there, KiB elsewhere


def _program() -> list[str]:
    return [sys.executable, "-m", "napari_em_autoclass"]


if __name__ == "__main__":
    sys.exit(main())
