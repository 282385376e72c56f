"""Fixtures of the tests of the core: a clock that tests move, a small volume, settings of a run of ten steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from napari_em_autoclass.core.phantom import Phantom
    from napari_em_autoclass.core.run_settings import RunSettings
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


@pytest.fixture
def settings(fast_settings: RunSettings) -> RunSettings:
    """Ten steps: re-clustered after 3, 6; afresh from step 8 on."""
    from napari_em_autoclass.core.run_settings import apply_setting

    made = fast_settings
    for change in ("training.steps=10", "training.recluster_steps=3", "training.threads=1"):
        made = apply_setting(made, change)
    return made
