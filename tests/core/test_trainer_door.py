"""What a training refuses before it begins, leaving nothing behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from runs import SIZE, changed

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import RunEnded
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume


def noise(shape: tuple[int, int, int]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)


REFUSED = {
    "constant": (np.full((5, 64, 64), 7, np.uint8), "constant"),
    "NaN": (np.where(noise((5, 64, 64)) < 9, np.nan, 1.0 * noise((5, 64, 64))), "NaN"),
    "two sections": (noise((2, 64, 64)), "at least 3"),
    "smaller than a tile": (noise((5, 64, 62)), "larger than the section"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_stack_of_no_use_is_refused_and_nothing_is_created(settings: RunSettings, tmp_path: Path, case: str) -> None:
    data, complaint = REFUSED[case]
    with pytest.raises(InputError, match=complaint) as raised:
        Trainer(Volume(data, SIZE, "mine"), settings, run_dir=tmp_path / "run")
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_gpu_is_refused_and_nothing_is_created(
    volume: Volume, settings: RunSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="cuda"):
        Trainer(volume, changed(settings, "device=cuda"), run_dir=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_a_run_is_refused(volume: Volume, settings: RunSettings, tmp_path: Path) -> None:
    Trainer(volume, settings, run_dir=tmp_path / "run")
    before = (tmp_path / "run" / "run.json").read_bytes()
    with pytest.raises(InputError, match="already holds a run"):
        Trainer(volume, settings.replace(seed=1), run_dir=tmp_path / "run")
    assert (tmp_path / "run" / "run.json").read_bytes() == before


def test_resuming_wants_a_run(volume: Volume, settings: RunSettings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a run folder"):
        Trainer(volume, settings, run_dir=tmp_path / "none", resume=True)
    with pytest.raises(InputError, match="name the folder"):
        Trainer(volume, settings, resume=True)
    assert list(tmp_path.iterdir()) == []


def test_resuming_wants_the_same_volume(volume: Volume, settings: RunSettings, tmp_path: Path) -> None:
    Trainer(volume, settings, run_dir=tmp_path / "run")
    other = Volume(255 - np.asarray(volume.data), volume.voxel_size_nm, "other")
    with pytest.raises(InputError, match="another volume"):
        Trainer(other, settings, run_dir=tmp_path / "run", resume=True)


@pytest.mark.parametrize("change", ["n_classes=6", "classifier.width=8", "predictor.width=8"])
def test_resuming_wants_networks_of_the_same_sizes(
    volume: Volume, settings: RunSettings, tmp_path: Path, change: str
) -> None:
    trainer = Trainer(volume, settings, run_dir=tmp_path / "run")
    trainer.stop()
    list(trainer.events())
    with pytest.raises(InputError, match="don't fit these settings"):
        list(Trainer(volume, changed(settings, change), run_dir=tmp_path / "run", resume=True).events())


def test_a_run_that_has_learned_nothing_yet_begins_when_it_is_resumed(
    volume: Volume, settings: RunSettings, tmp_path: Path
) -> None:
    Trainer(volume, settings, run_dir=tmp_path / "run")
    events = list(Trainer(volume, settings, run_dir=tmp_path / "run", resume=True).events())
    assert isinstance(events[-1], RunEnded)
    assert events[-1].step == 10
