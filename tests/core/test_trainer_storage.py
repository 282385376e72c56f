"""Runs on chunked storage: damaged in places, or so large that it can't be read as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from chunked import CountingStack
from runs import changed, played

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import Notice, RunEnded, SnapshotTaken
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume

NM = (40.0, 8.0, 8.0)


@pytest.fixture
def settings(settings: RunSettings) -> RunSettings:
    return changed(settings, "tiles.region_px=64", "training.keep_best=false")


def test_damaged_chunks_are_left_out_said_once_and_the_run_ends_well(settings: RunSettings, tmp_path: Path) -> None:
    # In the middle, where the first picture is taken.
    stack = CountingStack((12, 256, 256), (4, 64, 64), bad=((1, 1, 1), (1, 1, 2), (0, 3, 3)))
    events = played(Trainer(Volume(stack, NM, "mine"), settings, run_dir=tmp_path / "run"))
    told = [event.message for event in events if isinstance(event, Notice)]
    assert sum("left out of the training" in text for text in told) == 1
    assert sum("no map of what is in view" in text for text in told) == 1
    assert isinstance(events[-1], RunEnded)
    assert events[-1].reason == "finished"


def test_a_stack_of_which_nothing_can_be_read_is_refused(settings: RunSettings) -> None:
    stack = CountingStack((12, 256, 256), (12, 256, 256), bad=((0, 0, 0),))
    with pytest.raises(InputError, match="is damaged"):
        Trainer(Volume(stack, NM, "mine"), settings)


@pytest.mark.slow
def test_of_a_volume_of_64_gib_little_is_read_and_a_resumed_run_is_the_same_to_the_bit(
    settings: RunSettings, tmp_path: Path
) -> None:
    def volume() -> Volume:
        return Volume(CountingStack((4096, 4096, 4096), (64, 64, 64)), (8.0, 8.0, 8.0), "large")

    whole, parts = volume(), volume()
    events = played(Trainer(whole, settings, run_dir=tmp_path / "whole"))
    # Start-up looks at up to 128 MiB for the normalisation, and at some patches; a region takes a few.
    assert whole.data.bytes_read < 600 * 2**20
    assert max(event.classes.shape[0] for event in events if isinstance(event, SnapshotTaken)) <= 1024

    running = Trainer(parts, settings, run_dir=tmp_path / "parts").events()
    for event in running:
        if getattr(event, "step", 0) == 4 and type(event).__name__ == "StepDone":
            break
    running.close()
    played(Trainer(volume(), settings, run_dir=tmp_path / "parts", resume=True))
    expected, found = (RunFolder.open(tmp_path / name).load_weights()[0] for name in ("whole", "parts"))
    assert all(torch.equal(expected[name], found[name]) for name in expected)
