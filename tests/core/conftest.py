"""Fixtures of the tests of the core: a clock that tests move, a small volume, settings of a run of ten steps."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from napari_em_autoclass.core.events import Event
    from napari_em_autoclass.core.phantom import Phantom
    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.trainer import Trainer
    from napari_em_autoclass.core.volume import Volume


class FakeTime:
    """A clock that moves only when told to, or by itself a fixed tick at each look."""

    def __init__(self) -> None:
        self.now = 100.0
        self.tick = 0.0
        self.naps = 0

    def perf_counter(self) -> float:
        self.now += self.tick
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.naps += 1
        assert self.naps < 100, "the run pauses for ever"


@pytest.fixture
def fake_time(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    from napari_em_autoclass.core import clock, trainer

    fake = FakeTime()
    monkeypatch.setattr(clock, "time", fake)
    monkeypatch.setattr(trainer, "time", fake)
    return fake


@pytest.fixture
def volume(phantom: Phantom) -> Volume:
    from napari_em_autoclass.core.volume import Volume

    return Volume(phantom.raw, phantom.voxel_size_nm, "phantom")


def ten_steps() -> RunSettings:
    from tiny_run import tiny_settings

    # No checkpoint by the clock: on a busy machine ten steps may take longer than from one to the next.
    return tiny_settings("training.steps=10", "training.recluster_steps=3", "training.checkpoint_every_s=3600")


@pytest.fixture
def settings() -> RunSettings:
    """Ten steps: re-clustered after 3, 6; afresh from step 8 on."""
    return ten_steps()


@dataclass(frozen=True)
class Finished:
    """A run of `settings` on `volume` that nobody disturbed. It is done once: who changes its folder takes a copy."""

    trainer: Trainer
    events: tuple[Event, ...]
    folder: Path

    def copy(self, to: Path) -> Path:
        return shutil.copytree(self.folder, to)


@pytest.fixture(scope="session")
def finished(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    from napari_em_autoclass.core.trainer import Trainer
    from napari_em_autoclass.core.volume import Volume

    folder = tmp_path_factory.mktemp("finished") / "run"
    trainer = Trainer(Volume(phantom.raw, phantom.voxel_size_nm, "phantom"), ten_steps(), run_dir=folder)
    return Finished(trainer, tuple(trainer.events()), folder)
