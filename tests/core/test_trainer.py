"""The training as a generator of events, on a stack and a network so small that a step takes milliseconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.events import RunStarted
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting, load_recipe
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume


@pytest.fixture
def volume(rng) -> Volume:
    texture = ndimage.gaussian_filter(rng.normal(size=(6, 64, 64)), (0, 2, 2))
    return Volume((400 * texture + 120).clip(0, 255).astype(np.uint8), (40.0, 8.0, 8.0), "texture")


@pytest.fixture
def settings() -> RunSettings:
    made = load_recipe("neighbour-forecast")
    for change in (
        "n_classes=4",
        "device=cpu",
        "tiles.size_px=48",
        "tiles.region_px=48",
        "classifier.width=4",
        "classifier.n_textons=8",
        "training.steps=4",
        "training.tiles_per_step=2",
        "training.threads=1",
    ):
        made = apply_setting(made, change)
    return made


def test_closing_a_resumed_run_at_once_leaves_it_as_it_was(
    volume: Volume, settings: RunSettings, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    for _ in Trainer(volume, settings, run_dir=folder).events():
        pass
    weights, progress = RunFolder.open(folder).load_weights()
    assert progress.step == 4
    events = Trainer(volume, settings, run_dir=folder, resume=True).events()
    assert isinstance(next(events), RunStarted)
    events.close()
    kept, still = RunFolder.open(folder).load_weights()
    assert still == progress
    assert kept.keys() == weights.keys()
    assert all(torch.equal(kept[name], weights[name]) for name in weights)
