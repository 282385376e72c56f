"""A disk that refuses, or is away: learning goes on, it is said once, and tried again."""

from __future__ import annotations

import errno
import os
import shutil
from itertools import islice
from pathlib import Path

import pytest
from runs import changed, curves, played

from napari_em_autoclass.core import run_keeper
from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import CheckpointSaved, Event, Notice, RunEnded, StepDone
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume


@pytest.fixture
def eager(settings: RunSettings) -> RunSettings:
    """Ten steps, each of them saved."""
    return changed(settings, "training.checkpoint_every_s=0.000001")


class Disk:
    """A disk that can be full, in place of `os.fsync`; `naps` counts how long it was waited for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_full, self.naps, self.frees_after = False, 0, 10**9
        sync = os.fsync

        def fsync(number: int) -> None:
            if self.is_full:
                raise OSError(errno.ENOSPC, "No space left on device")
            sync(number)

        def sleep(seconds: float) -> None:
            self.naps += 1
            self.is_full = self.is_full and self.naps < self.frees_after

        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(run_keeper, "time", self)
        self.sleep = sleep

    def perf_counter(self) -> float:
        return 1000.0 + 60.0 * self.naps


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def notices(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, Notice)]


FULL = "The run could not be saved: no space left on device. Free some space there. Learning goes on; "
AT_LAST = "The run is at its end, but not saved: no space left on device. Free some space there. Waiting 10 min for it."


def test_a_full_disk_is_said_once_and_the_run_goes_on_and_loses_nothing(
    volume: Volume, eager: RunSettings, tmp_path: Path, disk: Disk
) -> None:
    played(Trainer(volume, eager, run_dir=tmp_path / "whole"))
    events: list[Event] = []
    for event in Trainer(volume, eager, run_dir=tmp_path / "run").events():
        events.append(event)
        if isinstance(event, StepDone):
            disk.is_full = 3 <= event.step < 7
    assert notices(events)[:2] == [
        f"{FULL}it is tried again and again.",
        "The run could be saved again; nothing is missing.",
    ]
    saved = [event.step for event in events if isinstance(event, CheckpointSaved)]
    assert saved == [0, 1, 2, 7, 8, 9, 10, 10]  # learned, and settled
    assert curves(tmp_path / "run") == curves(tmp_path / "whole")
    assert [path for path in (tmp_path / "run").rglob("*") if "partial" in path.name] == []


def test_a_disk_that_is_still_full_at_the_end_is_waited_for(
    volume: Volume, eager: RunSettings, tmp_path: Path, disk: Disk
) -> None:
    disk.frees_after = 3
    events: list[Event] = []
    for event in Trainer(volume, eager, run_dir=tmp_path / "run").events():
        events.append(event)
        disk.is_full = disk.is_full or (isinstance(event, StepDone) and event.step == 5)
    assert AT_LAST in notices(events)
    assert isinstance(events[-1], RunEnded)
    assert (disk.naps, RunFolder.open(tmp_path / "run").load_weights()[1].step) == (3, 10)
    assert [row["step"] for row in curves(tmp_path / "run")] == list(range(1, 11))


def test_a_disk_that_stays_full_is_an_error_that_says_what_is_kept(
    volume: Volume, eager: RunSettings, tmp_path: Path, disk: Disk
) -> None:
    events: list[Event] = []
    with pytest.raises(InputError) as raised:
        for event in Trainer(volume, eager, run_dir=tmp_path / "run").events():
            events.append(event)
            disk.is_full = disk.is_full or (isinstance(event, StepDone) and event.step == 5)
    assert str(raised.value) == (
        f"the run could not be saved to {tmp_path / 'run'}: no space left on device. Free some space there; "
        "the state of step 4 is kept there"
    )
    assert AT_LAST in notices(events)
    disk.is_full = False
    folder = RunFolder.open(tmp_path / "run")
    assert folder.load_weights()[1].step == 4
    assert not folder.was_interrupted  # it was said; nobody crashed
    assert played(Trainer(volume, eager, run_dir=tmp_path / "run", resume=True))[-1].step == 10  # type: ignore[union-attr]


@pytest.mark.parametrize("how", ["stop", "close"])
def test_who_stops_does_not_wait_for_a_full_disk(
    volume: Volume, eager: RunSettings, tmp_path: Path, disk: Disk, how: str
) -> None:
    trainer = Trainer(volume, eager, run_dir=tmp_path / "run")
    running = trainer.events()
    list(islice(running, 6))  # the second step is done, and not yet saved
    disk.is_full = True
    with pytest.raises(InputError, match=r"could not be saved to .* is kept there"):
        if how == "stop":
            trainer.stop()
            list(running)
        else:
            running.close()
    assert disk.naps == 0


def test_a_disk_that_is_full_from_the_start_ends_the_run_at_once(
    volume: Volume, eager: RunSettings, tmp_path: Path, disk: Disk
) -> None:
    running = Trainer(volume, eager, run_dir=tmp_path / "run").events()
    next(running)
    disk.is_full = True
    with pytest.raises(OSError, match="No space left"):
        list(running)
    assert disk.naps == 0


def test_a_share_that_vanishes_and_comes_back_loses_nothing(
    volume: Volume, eager: RunSettings, tmp_path: Path, disk: Disk
) -> None:
    run, away = tmp_path / "run", tmp_path / "away"
    events: list[Event] = []
    for event in Trainer(volume, eager, run_dir=run).events():
        events.append(event)
        if isinstance(event, StepDone) and event.step in (3, 7):
            run.rename(away) if event.step == 3 else away.rename(run)
    assert notices(events)[0] == (
        "The run could not be saved: no such file or directory. Bring the folder back, or its disk. "
        "Learning goes on; it is tried again and again."
    )
    assert RunFolder.open(run).load_weights()[1].step == 10
    assert [row["step"] for row in curves(run)] == list(range(1, 11))


def test_a_folder_that_was_deleted_is_not_made_anew_elsewhere(
    volume: Volume, eager: RunSettings, tmp_path: Path, disk: Disk
) -> None:
    with pytest.raises(InputError, match=r"no such file or directory.*Bring the folder back"):
        for event in Trainer(volume, eager, run_dir=tmp_path / "run").events():
            if isinstance(event, StepDone) and event.step == 3:
                shutil.rmtree(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []  # a mount point without its disk would be filled


def test_a_run_that_another_process_took_over_is_left_to_it(volume: Volume, eager: RunSettings, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(InputError, match="taken over by process 1 on gpu-box"):
        for event in Trainer(volume, eager, run_dir=run).events():
            if isinstance(event, StepDone) and event.step == 3:
                (run / "run.lock").write_text('{"pid": 1, "host": "gpu-box", "since": "2026", "token": "t"}')
    assert RunFolder.open(run).load_weights()[1].step == 2
    assert "gpu-box" in (run / "run.lock").read_text()
