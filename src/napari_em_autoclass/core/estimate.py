"""How long a run will take and how much memory, told before it begins: a short trial on a corner, and arithmetic.

The trial does on a small part of the stack what the run will do on all of it, with the same networks, so it knows the
machine, the device and the recipe; what depends on the size of the stack is multiplied out.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Final

from napari_em_autoclass.core.device import choose_device
from napari_em_autoclass.core.learner import Learner
from napari_em_autoclass.core.model import working_volume
from napari_em_autoclass.core.tiles import neighbour_offsets
from napari_em_autoclass.core.tiling import TileGrid, classify_tile
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.core.working import bin_factors

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.volume import Volume

__all__ = ["Estimate", "Trial", "duration", "estimate", "estimated", "farthest", "measure", "memory_mb"]

_STEPS: Final = 2
_FIT_PATCHES: Final = 5 * 256 * 256  # pixels of a section that the normalisation looks at
_BYTES_PER_REGION_PIXEL: Final = 3  # float16 image and uint8 textons
_FIXED_MB: Final = 550.0  # torch, scikit-learn and their buffers, beyond what napari holds; measured
# Floats that a step keeps per pixel of a tile and unit of width, times their bytes; measured on the default recipe.
_BYTES_PER_WIDTH: Final = 90


@dataclass(frozen=True, slots=True)
class Trial:
    """What was measured: seconds of a step, of the first sketch, and per working pixel of reading and classifying."""

    step_s: float
    sketch_s: float
    fit_s_per_pixel: float
    classify_s_per_pixel: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds and megabytes of a run, each to a factor of two."""

    first_map_s: float
    step_s: float
    whole_volume_s: float
    memory_mb: float

    @property
    def sentence(self) -> str:
        """The estimate in one line."""
        memory = f"{self.memory_mb / 1000:.1f} GB" if self.memory_mb >= 1000 else f"{round(self.memory_mb, -1):.0f} MB"
        return (
            f"First map {duration(self.first_map_s)} · step {self.step_s:.2g} s · "
            f"whole stack {duration(self.whole_volume_s)} · {memory}"
        )


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
    first_map_s = measured * trial.fit_s_per_pixel + trial.sketch_s + section * trial.classify_s_per_pixel
    return Estimate(
        first_map_s,
        trial.step_s,
        depth * section * trial.classify_s_per_pixel,
        memory_mb(shape_zyx, section, settings, offset),
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
    """Return what a short trial on the middle of `volume` measures; takes some seconds.

    Raises
    ------
    InputError
        As the run itself would.
    """
    tell = report or _nothing
    device = choose_device(settings.device)
    corner = _middle(volume, settings)
    began = time.perf_counter()
    working = working_volume(volume.crop(corner), settings)
    fit_s = (time.perf_counter() - began) / (corner.shape[0] * min(prod(corner.shape[1:]), _FIT_PATCHES))
    tell(0.1)
    learner = Learner(working, settings.replace(region=None, skip_sections=()), device)
    began = time.perf_counter()
    learner.begin(settings)
    sketch_s = time.perf_counter() - began
    tell(0.5)
    times = []
    for step in range(_STEPS):
        began = time.perf_counter()
        learner.step(settings, step, 0.0)
        times.append(time.perf_counter() - began)
        tell(0.5 + 0.4 * (step + 1) / _STEPS)
    classifier = learner.student.eval()
    grid = TileGrid.fit(working, classifier, settings.n_classes)
    began = time.perf_counter()
    tile = classify_tile(classifier, working, grid, (0, 0, 0))
    n_pixels = prod(tile.classes.shape) / prod(working.factors_yx)
    classify_s = (time.perf_counter() - began) / n_pixels
    tell(1.0)
    # The first step also reads regions and warms up.
    return Trial(min(times[1:]), sketch_s, fit_s, classify_s)


def farthest(volume: Volume, settings: RunSettings) -> int:
    """Return how many sections away the farthest is that is foretold."""
    return max(neighbour_offsets(settings.tiles.neighbour_distances_nm, volume.voxel_size_nm[0], volume.shape_zyx[0]))


def estimated(volume: Volume, settings: RunSettings, report: Callable[[float], None] | None = None) -> Estimate:
    """Return the estimate of a run on `volume`, after a trial."""
    factors = bin_factors(volume.voxel_size_nm, settings.working_pixel_nm)
    trial = measure(volume, settings, report)
    return estimate(trial, volume.shape_zyx, factors, settings, farthest(volume, settings))


def _middle(volume: Volume, settings: RunSettings) -> Box:
    """Return a box in the middle, large enough for one region."""
    fy, fx = bin_factors(volume.voxel_size_nm, settings.working_pixel_nm)
    side = settings.tiles.region_px
    wanted = (settings.tiles.region_sections + 2 * farthest(volume, settings), side * fy, side * fx)
    sizes = [min(length, size) for length, size in zip(volume.shape_zyx, wanted, strict=True)]
    z, y, x = ((length - size) // 2 for length, size in zip(volume.shape_zyx, sizes, strict=True))
    return Box(z, z + sizes[0], y, y + sizes[1], x, x + sizes[2])


def _nothing(_: float) -> None:
    """Tell nobody."""
