"""What tests of runs do with their events and folders; on the path of the tests (pyproject.toml)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.events import Event, QualityMeasured, StepDone, ViewRequest
from napari_em_autoclass.core.predict import predict_blocks
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting

if TYPE_CHECKING:
    from pathlib import Path

    from napari_em_autoclass.core.trainer import Trainer
    from napari_em_autoclass.core.volume import Volume

SIZE = (50.0, 4.0, 4.0)
CORNER = ViewRequest(1, 0, 24, 8, 40, prob_classes=(2,), serial=7)


def played(trainer: Trainer) -> list[Event]:
    return list(trainer.events())


def steps_of(events: list[Event]) -> list[StepDone]:
    return [event for event in events if isinstance(event, StepDone)]


def kinds_of(events: list[Event]) -> list[str]:
    # Quality is measured by the clock: whether it comes depends on the machine.
    return [type(event).__name__ for event in events if not isinstance(event, QualityMeasured)]


def changed(settings: RunSettings, *changes: str) -> RunSettings:
    for change in changes:
        settings = apply_setting(settings, change)
    return settings


def class_map(run: Path, volume: Volume) -> np.ndarray:
    return np.concatenate([block.classes.ravel() for block in predict_blocks(RunFolder.open(run).model(), volume)])


def curves(run: Path) -> list[dict[str, object]]:
    by_the_clock = ("elapsed_s", "csev")  # as quality is measured, see above
    rows = RunFolder.open(run).log()
    return [{key: value for key, value in row.items() if key not in by_the_clock} for row in rows]
