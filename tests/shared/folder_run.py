"""A fake trainer that leaves a run folder behind, and fakes of what reads one; on the path of the tests."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.class_map import ClassMap, History
from napari_em_autoclass.core.class_relations import ClassRelations
from napari_em_autoclass.core.class_statistics import StatisticsCounter
from napari_em_autoclass.core.class_survey import Exemplar, Survey
from napari_em_autoclass.core.events import CheckpointSaved, SnapshotTaken, ViewRequest
from napari_em_autoclass.core.split import FoundParts
from napari_em_autoclass.core.volume_record import VolumeRecord
from napari_em_autoclass.gui.wishes import settings_of

_STEP_S = 0.03  # as long as a real step takes on a small network
PATCH = np.arange(48 * 48, dtype=np.uint8).reshape(48, 48)


def folder_run(base: type, made: Path) -> type:
    """Return a fake trainer like `base` that goes on until stopped and saves itself as a copy of the run in `made`."""

    class FolderRun(base):  # type: ignore[misc]
        effective = 3.6

        def __init__(self, order: Any) -> None:
            super().__init__(order, endless=True)
            self.k = order.wishes.n_classes
            self.settings = settings_of(order.wishes)

        def started(self) -> Any:
            return replace(super().started(), n_classes=self.k, shape_zyx=self.order.volume.shape_zyx)

        def step(self, number: int, effective: float = 3.6) -> Any:
            time.sleep(_STEP_S)
            done = super().step(number, self.effective)
            usage = np.arange(self.k, 0, -1) / sum(range(self.k + 1))
            return replace(done, usage=tuple(usage.tolist()))

        def snapshot(self, view: ViewRequest, step: int = 0) -> SnapshotTaken:
            taken = super().snapshot(view, step)
            return replace(taken, classes=np.minimum(taken.classes, self.k).astype(np.uint8))

        def _events(self) -> Iterator[Any]:
            for event in super()._events():
                if getattr(event, "step", 0) == 1 or type(event).__name__ == "RunEnded":
                    self.save()
                    yield CheckpointSaved(self.run_id, getattr(event, "step", 0), str(self.order.run_dir))
                yield event

        def save(self) -> None:
            run_dir = Path(self.order.run_dir)
            if (run_dir / "run.json").exists():
                return
            run_dir.mkdir(parents=True, exist_ok=True)
            content = json.loads((made / "run.json").read_text())
            content["volume"] = json.loads(VolumeRecord.of(self.order.volume).model_dump_json())
            content["settings"]["n_classes"] = self.k
            for told in ("section_centre", "section_spread"):
                fitted = content["normalisation"][told]
                content["normalisation"][told] = fitted[:1] * self.order.volume.shape_zyx[0]
            (run_dir / "run.json").write_text(json.dumps(content))
            RunFolder.open(run_dir).save_history(History.of(ClassMap.fresh(self.k)))
            for name in ("weights.safetensors", "log.jsonl"):
                shutil.copy(made / name, run_dir / name)

    return FolderRun


def classes_of(run_dir: Path) -> int:
    """Return K of a run."""
    return int(json.loads((run_dir / "run.json").read_text())["settings"]["n_classes"])


def fake_survey(run_dir: Path, volume: Any, splits: Any, report: Any) -> Survey:
    """Stand for `survey_of_run`."""
    report(0.5)
    n_ids = max([classes_of(run_dir), *(i for split in splits for i in split.ids)])
    counter = StatisticsCounter(n_ids, volume.shape_zyx, volume.voxel_size_nm)
    pair = 1 + np.arange(2 * 8 * 8, dtype=np.uint8).reshape(2, 8, 8) % n_ids
    counter.add(0, pair.astype(np.uint8), np.ones((8, 8)))
    exemplars = tuple(Exemplar(i, "typical", (0, 1, 1), 0.9, PATCH) for i in range(1, n_ids + 1))
    return Survey(counter.done(), exemplars, splits)


def fake_probabilities(run_dir: Path, volume: Any, splits: Any, place: Any, report: Any) -> dict[int, float]:
    """Stand for `probabilities_at`."""
    report(0.5)
    return {1: 0.75, 2: 0.25}


def fake_relations(run_dir: Path, volume: Any, report: Any) -> ClassRelations:
    """Stand for `compare_classes`."""
    report(0.5)
    k = classes_of(run_dir)
    everything = np.full((k, k), 100)
    return ClassRelations(np.full(k, 1000), everything, everything, np.arange(k, dtype=float)[:, None] ** 2)


def fake_parts(run_dir: Path, volume: Any, what: tuple[int, int], view: Any, report: Any) -> FoundParts:
    """Stand for `find_parts_of_run`."""
    report(0.5)
    return FoundParts(what[0], tuple((float(k),) for k in range(what[1])), 1.0, "student@1")
