"""What holds for every recipe there is: it runs, repeats itself by seed, goes on where it was stopped, says figures."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.events import Event, RunEnded, SnapshotTaken, StepDone
from napari_em_autoclass.core.phantom import make_phantom
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting, load_recipe, recipe_card, recipe_names
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume

# These need a file with weights; see the tests of their backbones.
RECIPES = [name for name in recipe_names() if recipe_card(name).group != "weights"]
STEPS = 4


@pytest.fixture(scope="module")
def tissue() -> Volume:
    phantom = make_phantom((5, 128, 128), "sstem", seed=0)
    return Volume(phantom.raw, phantom.voxel_size_nm, "phantom")


def small(name: str, *changes: str) -> RunSettings:
    """Give a recipe with small networks and tiles, on the CPU, for a few steps."""
    settings = load_recipe(name)
    for change in (
        *("n_classes=6", "device=cpu", "training.threads=1", "training.tiles_per_step=2", f"training.steps={STEPS}"),
        *("tiles.size_px=64", "tiles.region_px=64", "classifier.width=4", "classifier.depth=2"),
        *("classifier.n_features=8", "classifier.n_textons=8", "predictor.width=8", "training.recluster_steps=2"),
        "classifier.filter_scales_nm=[8.0, 16.0]",
        *changes,
    ):
        settings = apply_setting(settings, change)
    return settings


def last_map(events: list[Event]) -> np.ndarray:
    return [event.classes for event in events if isinstance(event, SnapshotTaken)][-1]


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_runs_and_goes_on_where_it_was_stopped(name: str, tissue: Volume, tmp_path: Path) -> None:
    settings = small(name)
    whole = list(Trainer(tissue, settings, run_dir=tmp_path / "whole").events())
    assert isinstance(whole[-1], RunEnded)
    assert whole[-1].reason == "finished"
    steps = [event.total for event in whole if isinstance(event, StepDone)]
    assert len(steps) == (STEPS if settings.terms else 0)
    assert all(math.isfinite(total) for total in steps)
    assert last_map(whole).min() >= 1
    assert RunFolder.open(tmp_path / "whole").model().stage == "done"
    if not settings.terms:
        return
    # The same seed, stopped half-way and taken up by another process: the same losses and the same map.
    first = Trainer(tissue, settings, run_dir=tmp_path / "halved")
    totals = []
    for event in first.events():
        if isinstance(event, StepDone):
            totals.append(event.total)
            if len(totals) == STEPS // 2:
                first.stop()
    kept = RunFolder.open(tmp_path / "halved").settings
    rest = list(Trainer(tissue, kept, run_dir=tmp_path / "halved", resume=True).events())
    assert totals + [event.total for event in rest if isinstance(event, StepDone)] == steps
    assert np.array_equal(last_map(rest), last_map(whole))


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_says_what_it_is(name: str) -> None:
    card = recipe_card(name)
    assert card.about.endswith(".")
    assert card.group in ("recommended", "classes", "features", "weights", "yardsticks")
    if card.group in ("classes", "features", "weights"):
        assert card.system
        assert card.papers
