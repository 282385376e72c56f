"""A run of every schema version there ever was opens, and classifies as it did.  See `tests/data/freeze_run.py`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from runs import played, steps_of

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.events import ViewRequest
from napari_em_autoclass.core.migrations import SCHEMA_VERSIONS
from napari_em_autoclass.core.run_settings import apply_setting
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume

FROZEN = Path(__file__).parents[1] / "data" / "frozen_runs"
VERSIONS = sorted(path.name for path in FROZEN.iterdir())
LEAST_AGREEMENT = 0.999  # other processors round otherwise


def volume_of(run: Path) -> Volume:
    with np.load(run / "expected.npz", allow_pickle=False) as expected:
        return Volume(expected["raw"], tuple(expected["voxel_size_nm"].tolist()), "phantom", "made up")


def test_there_is_a_run_of_each_version() -> None:
    assert VERSIONS == [f"v{version}" for version in range(1, SCHEMA_VERSIONS["run"] + 1)]
    stored = [json.loads((FROZEN / name / "run.json").read_text())["schema_version"] for name in VERSIONS]
    assert stored == list(range(1, len(VERSIONS) + 1))


@pytest.mark.parametrize("version", VERSIONS)
def test_it_classifies_as_it_did(version: str) -> None:
    run = FROZEN / version
    before = sorted(path.name for path in run.iterdir())
    with np.load(run / "expected.npz", allow_pickle=False) as expected:
        section, classes = int(expected["z"]), expected["classes"]
    model, volume = RunFolder.open(run).model(), volume_of(run)
    found = model.classify(model.working(volume), ViewRequest(section, 0, *classes.shape[:1], 0, *classes.shape[1:]))
    assert len(np.unique(classes)) > 1
    assert float((found.classes == classes).mean()) >= LEAST_AGREEMENT
    assert sorted(path.name for path in run.iterdir()) == before  # reading writes nothing


@pytest.mark.parametrize("version", VERSIONS)
def test_its_names_merges_and_curves_are_there(version: str) -> None:
    folder = RunFolder.open(FROZEN / version)
    class_map = folder.history.present
    assert (class_map.name_of(1), class_map.name_of(2), class_map.members(2)) == ("cytoplasm", "mitochondria", (2, 4))
    assert folder.history.undo().present.name_of(1) == "cytoplasm"
    assert [row["step"] for row in folder.log()] == list(range(1, 41))


@pytest.mark.parametrize("version", VERSIONS)
def test_it_learns_on_and_is_then_of_this_version(version: str, tmp_path: Path) -> None:
    run = Path(shutil.copytree(FROZEN / version, tmp_path / "run"))
    settings = apply_setting(RunFolder.open(run).settings, "training.steps=42")
    events = played(Trainer(volume_of(run), settings, run_dir=run, resume=True))
    assert [done.step for done in steps_of(events)] == [41, 42]
    assert json.loads((run / "run.json").read_text())["schema_version"] == SCHEMA_VERSIONS["run"]
    folder = RunFolder.open(run)
    assert folder.load_weights()[1].step == 42
    history = folder.save_history(folder.history.do(folder.history.present.rename(3, "nucleus")))
    assert RunFolder.open(run).history == history
