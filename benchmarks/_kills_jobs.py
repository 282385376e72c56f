"""The jobs that `kills.py` kills: how each is started, killed, looked at, brought to its end and compared."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.phantom import make_phantom
from napari_em_autoclass.core.weights_file import newest_weights
from napari_em_autoclass.io.partial_output import partial_path
from napari_em_autoclass.io.stack_file import write_stack

__all__ = ["JOBS", "Job"]

Process = subprocess.Popen[bytes]
VOXEL_NM = (50.0, 4.0, 4.0)
STEPS = 250
# The default recipe, made so small that a step takes milliseconds, and saved at nearly every step.
SETTINGS = (
    *("n_classes=4", "device=cpu", "training.threads=1", "training.tiles_per_step=2", "training.pixels_per_tile=256"),
    *("training.checkpoint_every_s=0.02", "tiles.size_px=48", "tiles.region_px=48", "tiles.n_regions=2"),
    *("classifier.width=4", "classifier.depth=2", "classifier.n_features=8", "classifier.n_textons=8"),
    *("predictor.width=4", "classifier.filter_scales_nm=[8.0, 16.0]"),
)
TINY = ("--skip-sections", "none", *(word for setting in SETTINGS for word in ("--set", setting)))
_IN_LOG = ("step", "total", "terms", "effective_classes", "skill")  # not the time, nor what is measured by the clock


def program(*arguments: object, **options: Any) -> Process:
    """Start `em-autoclass` as a process group of its own."""
    command = [sys.executable, "-m", "napari_em_autoclass", *map(str, arguments)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, start_new_session=True, **{**quiet, **options})


class Job:
    """What can be killed.

    Parameters
    ----------
    place : a folder for all its files
    """

    name = ""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.stack = place / "stack.ome.zarr"

    def prepare(self) -> None:
        """Make what the job works on."""
        write_stack(self.stack, make_phantom((6, 128, 128), "sstem").raw, VOXEL_NM)

    def start(self, folder: Path) -> Process:
        """Begin the job in `folder`, or go on with it."""
        raise NotImplementedError

    def kill(self, process: Process) -> bool:
        """Kill it with all its processes, and return whether it was still alive."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return process.wait() == -signal.SIGKILL

    def finish(self, folder: Path) -> int:
        """Bring it to its end, and return its exit code."""
        return self.start(folder).wait()

    def unsound(self, folder: Path) -> list[str]:
        """Return what can't be read of all that is there."""
        raise NotImplementedError

    def differences(self, folder: Path, whole: Path) -> list[str]:
        """Return how the result differs from that of the undisturbed job."""
        raise NotImplementedError


class Train(Job):
    """`em-autoclass train`, then `--resume`."""

    name = "train"

    def start(self, folder: Path) -> Process:
        """Begin, or resume once there is a run."""
        if (folder / "run.json").exists():
            return program("train", self.stack, "--out", folder, "--resume", "--steps", STEPS)
        return program("train", self.stack, "--out", folder, "--steps", STEPS, *TINY)

    def unsound(self, folder: Path) -> list[str]:
        """Return which files of the run can't be read."""
        if not (folder / "run.json").exists():
            return []
        found = []
        for what in (lambda: RunFolder.open(folder), lambda: _newest(folder), lambda: _classes(folder)):
            try:
                what()
            except InputError as error:
                found.append(str(error))
        return found

    def differences(self, folder: Path, whole: Path) -> list[str]:
        """Compare weights bit by bit, curves, classes, and which files there are."""
        mine, other = RunFolder.open(folder), RunFolder.open(whole)
        (found, mine_at), (expected, other_at) = mine.load_weights(), other.load_weights()
        told = [f"weights {name}" for name in expected if not _equal(found.get(name), expected[name])]
        told += [] if mine_at.replace(elapsed_s=0) == other_at.replace(elapsed_s=0) else [f"{mine_at} != {other_at}"]
        told += [] if _curves(mine) == _curves(other) else ["curves"]
        told += [] if mine.history == other.history else ["classes"]
        more = sorted(_names(folder) ^ _names(whole))
        return [*told, *(f"file {name}" for name in more)]


class Predict(Job):
    """`em-autoclass predict`, and the same command again."""

    name = "predict"
    options: tuple[object, ...] = ()

    def prepare(self) -> None:
        """Train a run, and make a stack that takes some seconds."""
        super().prepare()
        if program("train", self.stack, "--out", self.place / "run", "--steps", 5, *TINY).wait() != 0:
            raise SystemExit("the run to predict with could not be trained")
        large = make_phantom((8, 256, 256), "sstem").raw.repeat(12, axis=0).repeat(2, axis=1).repeat(2, axis=2)
        write_stack(self.place / "large.ome.zarr", large, VOXEL_NM)

    def start(self, folder: Path) -> Process:
        """Begin, or go on; once there is a result, and nothing beside it, there is nothing to do."""
        out = folder / "classes.ome.zarr"
        folder.mkdir(exist_ok=True)
        if out.exists() and not partial_path(out).exists():
            return subprocess.Popen([sys.executable, "-c", ""])
        large = self.place / "large.ome.zarr"
        return program("predict", self.place / "run", large, "--out", out, "--device", "cpu", *self.options)

    def finish(self, folder: Path) -> int:
        """Bring it to its end; where only the tidying is left, the command does that, and says that the map exists."""
        is_there = (folder / "classes.ome.zarr").exists()
        code = super().finish(folder)
        return 0 if is_there and code == 2 else code

    def unsound(self, folder: Path) -> list[str]:
        """Say so if something passes for a result that is not complete."""
        if not (folder / "classes.ome.zarr").exists():
            return []
        # A kill just after the end leaves what the same command removes.
        of_map = (what for what in self.differences(folder, self.place / "whole") if ".partial/" not in what)
        return list(of_map)

    def differences(self, folder: Path, whole: Path) -> list[str]:
        """Compare all files byte by byte; of JSON, what does not tell the time or the place."""
        mine, other = folder / "classes.ome.zarr", whole / "classes.ome.zarr"
        more = [f"file {name}" for name in sorted(_names(folder) ^ _names(whole))]
        pairs = [(mine / name, other / name) for name in sorted(_names(mine) & _names(other))]
        return more + [f"content of {a.name}" for a, b in pairs if _content(a) != _content(b)]


class Worker(Predict):
    """One of the processes that `em-autoclass predict --workers 2` starts."""

    name = "worker"
    options = ("--workers", 2, "--threads-per-worker", 1)

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self._rng = random.Random(0)

    def kill(self, process: Process) -> bool:
        """Kill one of its children that works, and let the command itself come to its end."""
        children = _descendants(process.pid)
        if not children:
            self.put_down(process)
            return False
        with suppress(ProcessLookupError):
            os.kill(self._rng.choice(children), signal.SIGKILL)
        return process.wait() in (0, 1, 2)

    def put_down(self, process: Process) -> None:
        """Kill all of it: there was no worker yet."""
        super().kill(process)


class Dock(Train):
    """The window, while it learns and classes are named; the rest is done by `train --resume`."""

    name = "dock"

    def start(self, folder: Path) -> Process:
        """Open the window and press Learn; or, once there is a run, open it again with that."""
        window, steps = Path(__file__).with_name("_kills_dock.py"), f"training.steps={STEPS}"
        command = [sys.executable, str(window), str(self.stack), str(folder), *SETTINGS, steps]
        with (self.place / "window.log").open("ab") as log:
            return subprocess.Popen(command, start_new_session=True, stdout=log, stderr=log)

    def finish(self, folder: Path) -> int:
        """Learn to the end without the window."""
        if not (folder / "run.json").exists():
            return self.start(folder).wait()
        return program("train", self.stack, "--out", folder, "--resume", "--steps", STEPS).wait()

    def unsound(self, folder: Path) -> list[str]:
        """Also say which names were saved, as the window said, and are gone."""
        found, said = super().unsound(folder), folder.with_suffix(".said")
        if found or not said.exists():
            return found
        names = RunFolder.open(folder).history.present.names
        newest = max((int(name.split("-")[1]) for name in names if name.startswith("name-")), default=0)
        last = int(said.read_text().split()[-1])
        return [] if newest >= last else [f"name {last} was saved, and is gone"]

    def differences(self, folder: Path, whole: Path) -> list[str]:
        """Compare as for `Train`, but for the names, which each window gives as far as it came."""
        return [what for what in super().differences(folder, whole) if what != "classes" and "classes" not in what]


JOBS: dict[str, type[Job]] = {job.name: job for job in (Train, Predict, Worker, Dock)}


def _newest(run: Path) -> object:
    return newest_weights(run) if RunFolder.open(run).has_weights else None


def _classes(run: Path) -> object:
    return RunFolder.open(run).history if (run / "classes.json").exists() else None


def _equal(found: torch.Tensor | None, expected: torch.Tensor) -> bool:
    return found is not None and torch.equal(found, expected)


def _curves(run: RunFolder) -> list[list[object]]:
    return [[row.get(key) for key in _IN_LOG] for row in run.log()]


def _names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def _content(path: Path) -> object:
    if path.suffix != ".json" and not path.name.startswith(".z"):
        return path.read_bytes()
    return _timeless(json.loads(path.read_text()))


def _timeless(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _timeless(value) for key, value in tree.items() if key not in ("created", "date", "written")}
    return [_timeless(value) for value in tree] if isinstance(tree, list) else tree


def _descendants(pid: int) -> list[int]:
    """Return the processes below `pid`, on Linux, but for those that are there for the others only."""
    parents, told = dict[int, int](), dict[int, str]()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            parents[int(process.name)] = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            told[int(process.name)] = (process / "cmdline").read_text()
    found, waiting = list[int](), [pid]
    while waiting:
        parent = waiting.pop()
        children = [child for child, of in parents.items() if of == parent]
        found += [child for child in children if "resource_tracker" not in told.get(child, "")]
        waiting += children
    return sorted(found)
