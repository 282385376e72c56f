from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from runs import changed

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.device import choose_device
from napari_em_autoclass.core.leading import open_learner
from napari_em_autoclass.core.learner import Learner
from napari_em_autoclass.core.model import working_volume
from napari_em_autoclass.core.phantom import Phantom
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume

# The features, a reclustering, and the refinement with its teacher within ten steps.  The classes to refine are random:
# found by k-means they may be others after a difference of the last digit.
_SMALL = (
    "n_classes=4",
    "device=cpu",
    "training.threads=1",
    "training.steps=10",
    "training.recluster_steps=4",
    "training.first_classes=random",
    "training.tiles_per_step=6",
    "training.keep_best=false",
    "training.pixels_per_tile=256",
    "tiles.size_px=32",
    "tiles.region_px=32",
    "tiles.n_regions=2",
    "classifier.width=4",
    "classifier.depth=2",
    "classifier.n_features=8",
    "classifier.n_textons=8",
    "predictor.width=4",
)


def test_alone_there_is_nobody_to_lead(phantom: Phantom, fast_settings: RunSettings) -> None:
    volume = Volume(phantom.raw, phantom.voxel_size_nm)
    learner = open_learner(working_volume(volume, fast_settings), fast_settings, choose_device("cpu"))
    assert type(learner) is Learner


def torchrun(stack: Path, out: Path, recipe: str, *changes: str, n: int = 2) -> subprocess.CompletedProcess[str]:
    words = ["train", str(stack), "--out", str(out), "--recipe", recipe, "--skip-sections", "none"]
    for change in changes:
        words += ["--set", change]
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    whole = [*launch, "-m", "napari_em_autoclass", *words, "--voxel-size", "50", "4", "4"]
    return subprocess.run(whole, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["neighbour-forecast", "dinov2"])
def test_two_processes_learn_what_one_does(tmp_path: Path, phantom: Phantom, recipe: str) -> None:
    from napari_em_autoclass.core.run_settings import load_recipe

    np.save(tmp_path / "stack.npy", phantom.raw)
    volume = Volume(phantom.raw, (50.0, 4.0, 4.0))
    list(Trainer(volume, changed(load_recipe(recipe), *_SMALL), run_dir=tmp_path / "one").events())
    done = torchrun(tmp_path / "stack.npy", tmp_path / "two", recipe, *_SMALL)
    assert done.returncode == 0, done.stderr
    one, two = (RunFolder.open(tmp_path / name) for name in ("one", "two"))
    losses = [[row["total"] for row in run.log() if "total" in row] for run in (one, two)]
    assert len(losses[0]) == 10
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    (ours, _), (theirs, _) = one.load_weights(), two.load_weights()
    assert ours.keys() == theirs.keys()
    for name in ours:
        if name.startswith("student."):
            np.testing.assert_allclose(theirs[name], ours[name], rtol=1e-3, atol=1e-4, err_msg=name)


@pytest.mark.slow
def test_fewer_tiles_than_processes_are_refused_in_one_line(tmp_path: Path, phantom: Phantom) -> None:
    np.save(tmp_path / "stack.npy", phantom.raw)
    few = [change for change in _SMALL if "tiles_per_step" not in change]
    done = torchrun(tmp_path / "stack.npy", tmp_path / "run", "neighbour-forecast", *few, "training.tiles_per_step=1")
    assert done.returncode != 0
    assert "em-autoclass: a step has 1 tiles at a time, fewer than the 2 processes" in done.stderr
