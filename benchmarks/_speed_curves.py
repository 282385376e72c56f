"""How time and memory grow with the work: 1 to 64 times the voxels, and 1 to 64 times the classes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import torch
from _speed_pairs import Row, exponent
from _speed_step import model_of, small_volume

from napari_em_autoclass.core.predict import Predictor
from napari_em_autoclass.core.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FACTORS", "curves"]

FACTORS = (1, 2, 4, 8, 16, 32, 64)
_SIDE, _LEAST_CLASSES = 128, 2


def curves(rounds: int) -> list[Row]:
    """Return processor seconds and peak memory of predicting, a curve over voxels and one over classes."""
    base = small_volume((4, _SIDE, _SIDE))
    model = model_of(base)

    def of_voxels(factor: int) -> Callable[[], None]:
        raw = np.tile(np.asarray(base.data), (factor // 4 + 1, 1, 1))[:factor]
        volume = Volume(raw, base.voxel_size_nm, "phantom")
        return _predicting(Predictor.of(model, volume, working=model.working(volume)))

    def of_classes(factor: int) -> Callable[[], None]:
        return _predicting(Predictor.of(model_of(base, _LEAST_CLASSES * factor), base))

    return [
        _curve("voxels", "sections of 128 x 128, 20 classes", of_voxels, rounds),
        _curve("classes", "4 sections of 128 x 128, 2 to 128 classes", of_classes, rounds),
    ]


@dataclass(frozen=True)
class _Point:
    seconds: float
    peak_mb: float | None


def _curve(name: str, what: str, way: Callable[[int], Callable[[], None]], rounds: int) -> Row:
    points = [_measured(way(factor), rounds) for factor in FACTORS]
    seconds = [point.seconds for point in points]
    return {
        "name": name,
        "what": what,
        "factors": list(FACTORS),
        "seconds": [float(f"{s:.4g}") for s in seconds],
        "peak_mb": [point.peak_mb for point in points],
        "exponent": round(exponent(FACTORS, seconds), 2),
    }


def _predicting(predictor: Predictor) -> Callable[[], None]:
    def predict() -> None:
        with torch.no_grad():
            for index in range(len(predictor.plan)):
                predictor.block(index)

    return predict


def _measured(call: Callable[[], None], rounds: int) -> _Point:
    call()
    _reset_peak()
    taken = []
    for _ in range(rounds):
        since = time.process_time()
        call()
        taken.append(time.process_time() - since)
    return _Point(median(taken), _peak_mb())


def _reset_peak() -> None:
    """Have Linux count the peak of this process's memory anew; elsewhere there is no such thing."""
    switch = Path("/proc/self/clear_refs")
    if switch.exists():
        switch.write_text("5")


def _peak_mb() -> float | None:
    """Return the largest memory of this process since then, MB; None where it isn't told."""
    status = Path("/proc/self/status")
    lines = status.read_text("utf-8").splitlines() if status.exists() else []
    found = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return round(int(found[0]) * 1024 / 1e6, 1) if found else None
