"""The methods that are put side by side: what each is, with which settings, and how it makes a class map."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from _commands import JobFailed, run_command, trained_map
from _peers_env import ENVIRONMENTS, python_of
from _quality_baselines import WORKING_PIXEL_NM, binned

from napari_em_autoclass.core.working import bin_factors
from napari_em_autoclass.io import open_volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DEFAULT", "METHODS", "OURS", "Job", "Method", "expanded", "make_map"]

Row = dict[str, Any]
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Method:
    """One way to a class map.

    Parameters
    ----------
    title : what it is, for a table
    settings : what it was told, for the text below the table
    script : the part of this benchmark that runs it; none for a recipe of ours
    words : what the script is told beside stack, result, K and time
    environment : which environment it needs, of those in `_peers_env`; none for ours
    is_timed : whether it learns for as long as it is told; else it ends by itself
    is_told : whether it learns from labels
    """

    title: str
    settings: str
    script: str = ""
    words: tuple[str, ...] = ()
    environment: str = ""
    is_timed: bool = True
    is_told: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether it is a recipe of this program."""
        return not self.script


@dataclass(frozen=True)
class Job:
    """A stack and its labels, K, the seconds to learn, and where environments lie (None: use no such tool)."""

    stack: Path
    labels: Path
    n_classes: int
    seconds: float
    environments: Path | None


OURS = "neighbour-forecast"
_CLUSTERING = "_peers_clustering.py"
_AS_PAPER = (
    "Two layers of 100 channels, SGD at 0.1, one update a section in turn, as the authors' program for references"
)

METHODS: dict[str, Method] = {
    "k-means": Method(
        "k-means on filters",
        "scikit-image's `multiscale_basic_features`, 1 to 8 pixels; mini-batch k-means on 200,000 pixels, 3 starts.",
        "_quality_baselines.py",
        ("filters",),
        is_timed=False,
    ),
    "kim-2020": Method("Kim et al. 2020", f"{_AS_PAPER}; continuity weighs 5.", _CLUSTERING),
    "kim-2020-mu1": Method(
        "Kim et al. 2020, µ = 1",
        f"{_AS_PAPER}; continuity weighs 1, as in theirs for single images.",
        _CLUSTERING,
        ("--continuity", "1"),
    ),
    "kanezaki-2018": Method(
        "Kanezaki 2018",
        f"{_AS_PAPER}; superpixels of 15 pixels in place of continuity.",
        _CLUSTERING,
        ("--superpixels",),
    ),
    "wnet3d": Method(
        "WNet3D (napari-cellseg3d)",
        "Version 0.2.4, its own worker and defaults, from scratch; cubes of 32 voxels, since an update on its usual"
        " cubes of 64 takes a processor of two cores 20 seconds.",
        "_peers_wnet3d.py",
        environment="cellseg3d",
    ),
    "convpaint": Method(
        "k-means of Convpaint, Gaussian features",
        "Version 1.2.0, `gaussian_features` at the pyramid 1, 2, 4, 8; k-means on all pixels.",
        "_peers_convpaint.py",
        environment="convpaint",
        is_timed=False,
    ),
    "convpaint-vgg16": Method(
        "k-means of Convpaint, VGG16 features",
        "Version 1.2.0, its default features; k-means on all pixels.",
        "_peers_convpaint.py",
        ("--features", "vgg16"),
        environment="convpaint",
        is_timed=False,
    ),
    **{
        recipe: Method(
            f"`{recipe}`",
            "The recipe as it is, as are the other recipes of this program.",
            is_timed=recipe != "filters",
        )
        for recipe in (OURS, "anchored-information", "filters", "iic", "w-net", "stego", "picie")
    },
    "forest": Method(
        "random forest, trained on labels",
        "60 trees on the filters of k-means, told the labels of the first half: the yardstick.",
        "_quality_baselines.py",
        ("forest",),
        is_timed=False,
        is_told=True,
    ),
}

DEFAULT = [name for name in METHODS if name not in ("kanezaki-2018", "w-net", "stego", "picie")]
"""Those that are run unless others are named; the rest take as long again."""


def make_map(name: str, job: Job, folder: Path) -> tuple[Path, Row]:
    """Make a class map on the full voxel grid; return where it is, and what it took.

    Raises
    ------
    JobFailed
        If it can't be made, for the reason told.
    """
    method = METHODS[name]
    if method.is_ours:
        out = folder / "classes.ome.zarr"
        key = {"recipe": name, "classes": job.n_classes, "seed": 0, "budget_s": job.seconds, "set": []}
        costs = trained_map(key, job.stack, out)
        if costs["collapsed"]:
            raise JobFailed("it collapsed: a single class was left")
        seconds = costs["seconds"] + costs["predict_s"]
        return out, {"seconds": round(seconds, 1), "steps": costs["steps"] or None, "peak_mb": costs["peak_mb"]}
    if method.script == "_quality_baselines.py":
        out = folder / "classes.npz"
        told = [*method.words, job.stack, job.labels, job.n_classes, out]
        done = run_command([sys.executable, *map(str, [_HERE / method.script, *told])])
        return out, {"seconds": round(done.seconds, 1), "steps": None, "peak_mb": round(done.peak_mb)}
    return _by_script(method, job, folder)


def _by_script(method: Method, job: Job, folder: Path) -> tuple[Path, Row]:
    """Run a part that knows nothing of files: it gets the binned grey values and returns classes on that grid."""
    python = _python(method, job)
    stack, found, out = folder / "stack.npy", folder / "found.npy", folder / "classes.npz"
    shape_zyx, factors_yx = _write_binned(job.stack, stack)
    told = [stack, found, job.n_classes, *([job.seconds] if method.is_timed else []), *method.words]
    done = run_command([str(python), *map(str, [_HERE / method.script, *told])])
    np.savez_compressed(out, classes=expanded(np.load(found), factors_yx, shape_zyx))
    steps = json.loads(done.printed.splitlines()[-1])["steps"]
    return out, {"seconds": round(done.seconds, 1), "steps": steps, "peak_mb": round(done.peak_mb)}


def _python(method: Method, job: Job) -> Path:
    if not method.environment:
        return Path(sys.executable)
    if job.environments is None:
        raise JobFailed(f"needs {ENVIRONMENTS[method.environment].tool} in an environment: --peer-env FOLDER")
    return python_of(method.environment, job.environments)


def _write_binned(stack: Path, out: Path) -> tuple[tuple[int, int, int], tuple[int, int]]:
    """Write the stack as every method here gets it, in pixels of about 8 nm and 0 ... 1; return shape and factors."""
    volume = open_volume(str(stack))
    fy, fx = bin_factors(volume.voxel_size_nm, WORKING_PIXEL_NM)
    raw = binned(np.asarray(volume.data[:, :, :]).astype(np.float32), fy, fx)
    np.save(out, (raw - raw.min()) / max(float(np.ptp(raw)), 1e-6))
    return volume.shape_zyx, (fy, fx)


def expanded(
    found: NDArray[np.uint8], factors_yx: tuple[int, int], shape_zyx: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Return classes of binned pixels on the full voxel grid; voxels left over by binning take their neighbour's."""
    wide = found.repeat(factors_yx[0], axis=1).repeat(factors_yx[1], axis=2)
    rest = [(0, whole - part) for whole, part in zip(shape_zyx, wide.shape, strict=True)]
    return np.asarray(np.pad(wide, rest, mode="edge"))
