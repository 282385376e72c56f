"""How long a run will take, how much memory and disk, told before it begins: a short trial, and arithmetic.

The trial begins as the run will: it makes the first sketch of the stack, does some steps and classifies a tile with the
same networks, so it knows the machine, the device and the recipe.  What depends on the size of the stack is multiplied
out, so the trial of one stack serves for others.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Final
from zlib import compress

from napari_em_autoclass.core.device import choose_device
from napari_em_autoclass.core.learner import Learner
from napari_em_autoclass.core.model import working_volume
from napari_em_autoclass.core.tiles import neighbour_offsets
from napari_em_autoclass.core.tiling import TileGrid, classify_tile
from napari_em_autoclass.core.working import bin_factors

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from napari_em_autoclass.core.classifier import FilterClassifier, ForecastClassifier
    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["Estimate", "Trial", "duration", "estimate", "estimated", "farthest", "measure", "memory_mb", "size"]

_STEPS: Final = 2
_FIT_PATCHES: Final = 5 * 256 * 256  # pixels of a section that the normalisation looks at
_PYRAMID: Final = 4 / 3  # of the result: each level holds a quarter of the one below
_BYTES_PER_REGION_PIXEL: Final = 3  # float16 image and uint8 textons
_FIXED_MB: Final = 550.0  # torch, scikit-learn and their buffers, beyond what napari holds; measured
# Floats that a step keeps per pixel of a tile and unit of width, times their bytes; measured on the default recipe.
_BYTES_PER_WIDTH: Final = 90


@dataclass(frozen=True, slots=True)
class Trial:
    """What was measured.

    Seconds of a step and of making the first sketch; per working pixel those of fitting the grey values, and of
    classifying with the sketch and with the network; bytes on disk per voxel of the result.
    """

    step_s: float
    sketch_s: float
    fit_s_per_pixel: float
    sketch_s_per_pixel: float
    classify_s_per_pixel: float
    bytes_per_voxel: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds and megabytes of a run; what it needs beside the viewer, and on disk for the class map of all."""

    first_map_s: float
    step_s: float
    whole_volume_s: float
    memory_mb: float
    disk_mb: float

    @property
    def sentence(self) -> str:
        """The estimate in one line."""
        return (
            f"First map {duration(self.first_map_s)} · step {self.step_s:.2g} s · "
            f"whole stack {duration(self.whole_volume_s)} · memory {size(self.memory_mb)} · file {size(self.disk_mb)}"
        )


def size(megabytes: float) -> str:
    """Return an amount of data as people say it: "3 MB", "630 MB", "1.2 GB"."""
    if megabytes >= 1000:
        return f"{megabytes / 1000:.1f} GB"
    return f"{round(megabytes, -1):.0f} MB" if megabytes >= 100 else f"{max(round(megabytes), 1)} MB"


def duration(seconds: float) -> str:
    """Return a time as people say it: "8 s", "4 min", "2.5 h"."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def estimate(
    trial: Trial, shape_zyx: tuple[int, int, int], pixel_factors: tuple[int, int], settings: RunSettings, offset: int
) -> Estimate:
    """Return what a run on a stack costs.

    Parameters
    ----------
    trial : of these settings on this machine
    shape_zyx : of the stack, voxels
    pixel_factors : voxels along y and x in a working pixel
    settings : of the run
    offset : farthest section that is foretold
    """
    depth, height, width = shape_zyx
    section = -(-height // pixel_factors[0]) * -(-width // pixel_factors[1])  # working pixels
    measured = min(depth, settings.normalisation.max_sections) * min(height * width, _FIT_PATCHES)
    first_map_s = measured * trial.fit_s_per_pixel + trial.sketch_s + section * trial.sketch_s_per_pixel
    return Estimate(
        first_map_s,
        trial.step_s,
        depth * section * trial.classify_s_per_pixel,
        memory_mb(shape_zyx, section, settings, offset),
        prod(shape_zyx) * trial.bytes_per_voxel / 1e6,
    )


def memory_mb(shape_zyx: tuple[int, int, int], section: int, settings: RunSettings, offset: int) -> float:
    """Return the peak memory of a run in MB, beyond what holds the stack itself.

    Parameters
    ----------
    shape_zyx : of the stack, voxels
    section : working pixels of a section
    settings, offset : see `estimate`
    """
    tiles = settings.tiles
    depth = min(tiles.region_sections + 2 * offset, shape_zyx[0])
    region = depth * min(tiles.region_px**2, section)
    n_regions = min(tiles.n_regions, max(1, -(-shape_zyx[0] * section // region) * 2))
    held = n_regions * region * _BYTES_PER_REGION_PIXEL
    step = settings.training.tiles_per_step * tiles.size_px**2 * settings.classifier.width * _BYTES_PER_WIDTH
    return _FIXED_MB + (held + step) / 1e6


def measure(volume: Volume, settings: RunSettings, report: Callable[[float], None] | None = None) -> Trial:
    """Return what a short trial on `volume` measures; takes some seconds.

    Raises
    ------
    InputError
        As the run itself would.
    """
    tell = report or _nothing
    device = choose_device(settings.device)
    depth, height, width = volume.shape_zyx
    began = time.perf_counter()
    working = working_volume(volume, settings)
    measured = min(depth, settings.normalisation.max_sections) * min(height * width, _FIT_PATCHES)
    fit_s = (time.perf_counter() - began) / measured
    tell(0.2)
    learned = working.part(settings.learned_box(volume.shape_zyx), settings.skip_sections)
    learner = Learner(learned, settings, device)
    for _ in range(2):  # the first one loads what clusters
        began = time.perf_counter()
        learner.begin(settings)
        sketch_s = time.perf_counter() - began
    tell(0.5)
    sketch_classify_s, _ = _classified(learner.classifier.eval(), working, settings)
    tell(0.6)
    times = []
    for step in range(_STEPS):
        began = time.perf_counter()
        learner.step(settings, step, 0.0)
        times.append(time.perf_counter() - began)
        tell(0.6 + 0.3 * (step + 1) / _STEPS)
    classify_s, classes = _classified(learner.student.eval(), working, settings)
    bytes_per_voxel = _PYRAMID * len(compress(classes.tobytes(), 1)) / classes.size
    tell(1.0)
    # The first step also reads regions and warms up.
    return Trial(min(times[1:]), sketch_s, fit_s, sketch_classify_s, classify_s, bytes_per_voxel)


def _classified(
    classifier: FilterClassifier | ForecastClassifier, working: WorkingVolume, settings: RunSettings
) -> tuple[float, NDArray[np.uint8]]:
    """Return seconds per working pixel that a tile of the middle section takes, and its classes on the voxel grid."""
    grid = TileGrid.fit(working, classifier, settings.n_classes)
    y, x = next(iter(grid.corners()))
    took = []
    for _ in range(2):  # the first one warms up
        began = time.perf_counter()
        tile = classify_tile(classifier, working, grid, (working.shape_zyx[0] // 2, y, x))
        took.append(time.perf_counter() - began)
    return min(took) / (prod(tile.classes.shape) / prod(working.factors_yx)), tile.classes


def farthest(volume: Volume, settings: RunSettings) -> int:
    """Return how many sections away the farthest is that is foretold."""
    return max(neighbour_offsets(settings.tiles.neighbour_distances_nm, volume.voxel_size_nm[0], volume.shape_zyx[0]))


def estimated(volume: Volume, settings: RunSettings, trial: Trial) -> Estimate:
    """Return the estimate of a run on `volume`, from a trial of these settings on this machine."""
    factors = bin_factors(volume.voxel_size_nm, settings.working_pixel_nm)
    return estimate(trial, volume.shape_zyx, factors, settings, farthest(volume, settings))


def _nothing(_: float) -> None:
    """Tell nobody."""
