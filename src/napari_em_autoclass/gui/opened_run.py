"""A run folder, read for the dock: what was set, decided and said, and which stack it is of.

All of this is slow enough for another thread: it brings torch along, and reads weights and voxels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_em_autoclass.core.class_map import History
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import CheckpointSaved, Event, RunEnded, RunStarted, StepDone
from napari_em_autoclass.core.kept_maps import read_snapshot
from napari_em_autoclass.core.run_lock import writer_of
from napari_em_autoclass.core.run_log import logged_events
from napari_em_autoclass.core.volume import Volume, fingerprint

if TYPE_CHECKING:
    from napari_em_autoclass.core.checkpoint import Progress, RunFolder, VolumeRecord
    from napari_em_autoclass.core.run_settings import RunSettings

__all__ = ["Candidate", "FoundStack", "OpenedRun", "find_stack", "read_run"]

_CLOSE = 1e-3  # a voxel size as typed has three digits


@dataclass(frozen=True)
class OpenedRun:
    """What a run folder holds, checked.

    Parameters
    ----------
    path : the folder
    settings, volume, progress, history : as stored
    events : what the run said, for the panels to show again, from `RunStarted` to `RunEnded`
    """

    path: Path
    settings: RunSettings
    volume: VolumeRecord
    progress: Progress
    history: History
    events: tuple[Event, ...]

    @property
    def seconds_left(self) -> float | None:
        """How much of its time a run that was stopped has left; None where it came to its end, or had no time."""
        seconds = self.settings.training.seconds
        if seconds is None or self.progress.stage == "done" or self.progress.elapsed_s >= seconds:
            return None
        return seconds - self.progress.elapsed_s


@dataclass(frozen=True)
class Candidate:
    """A stack in the viewer; `is_sized` tells whether its voxel size is known.

    `leading` is its index into the axes of the layer before the last three, such as time, and `where` that in words.
    """

    volume: Volume
    is_sized: bool
    leading: tuple[int, ...] = ()
    where: str = ""


@dataclass(frozen=True)
class FoundStack:
    """Where the stack of a run is: a candidate (by its place), or a volume opened anew, or neither and why."""

    place: int | None = None
    volume: Volume | None = None
    problem: str = ""


def read_run(path: Path) -> OpenedRun:
    """Return the run in a folder, after everything in it was checked.

    Raises
    ------
    InputError
        If it is no run, is damaged, has learned nothing yet, or is being learned just now.
    """
    from napari_em_autoclass.core.checkpoint import RunFolder

    folder = RunFolder.open(path)
    if (writer := writer_of(path)) is not None:
        raise InputError(f"{path.name} is being learned by {writer}; stop it there, then open it")
    history, progress = folder.history, folder.load_weights()[1]
    if history.present.n_classes != folder.settings.n_classes:
        raise InputError(f"{path} is damaged: classes.json is of another run; restore it")
    folder.model()  # fails here, in words, if weights and settings don't fit
    events = _told(folder, progress)
    return OpenedRun(path, folder.settings, folder.volume, progress, history, tuple(events))


def find_stack(run: OpenedRun, candidates: Sequence[Candidate]) -> FoundStack:
    """Return the stack of a run: among `candidates` the first with its voxels, else from where it was."""
    from napari_em_autoclass.io.run_source import open_run_source

    def is_elsewhere(place: int) -> bool:
        return not run.volume.source.endswith(f", {candidates[place].where}")

    # Of a hundred time points first the one that it says: each that is looked at is read from.
    for place in sorted(range(len(candidates)), key=is_elsewhere):
        if _is_same(run.volume, candidates[place]):
            return FoundStack(place=place)
    try:
        return FoundStack(volume=open_run_source(run.path, run.volume))
    except InputError as error:
        return FoundStack(problem=str(error))


def _is_same(record: VolumeRecord, candidate: Candidate) -> bool:
    volume = candidate.volume
    if (volume.shape_zyx, volume.dtype.str) != (record.shape_zyx, record.dtype):
        return False
    if candidate.is_sized and not np.allclose(volume.voxel_size_nm, record.voxel_size_nm, rtol=_CLOSE):
        return False
    try:
        return fingerprint(replace(volume, voxel_size_nm=record.voxel_size_nm)) == record.fingerprint
    except InputError:  # it can't be read
        return False


def _told(folder: RunFolder, progress: Progress) -> list[Event]:
    """Return the events that show the run as it was when its weights were saved."""
    from napari_em_autoclass.core.working import bin_factors

    run_id, size = f"opened {folder.path.name}", folder.volume.voxel_size_nm
    fy, fx = bin_factors(size, folder.settings.working_pixel_nm)
    place = ("cpu", "CPU, because nothing is learned now", size, (size[1] * fy, size[2] * fx), folder.volume.shape_zyx)
    told: list[Event] = [RunStarted(run_id, folder.settings.n_classes, *place)]
    told += _with_usage([e for e in logged_events(folder.path, run_id) if _step(e) <= progress.step], _usage(folder))
    reason = "finished" if progress.stage == "done" else "stopped"
    saved = CheckpointSaved(run_id, progress.step, str(folder.path))
    return [*told, saved, RunEnded(run_id, progress.step, reason)]  # type: ignore[arg-type]


def _with_usage(events: list[Event], usage: tuple[float, ...]) -> list[Event]:
    """Return `events` with the usage, which is not logged, in the last step."""
    for at in reversed(range(len(events))):
        event = events[at]
        if isinstance(event, StepDone):
            return [*events[:at], replace(event, usage=usage), *events[at + 1 :]]
    return events


def _step(event: Event) -> int:
    return getattr(event, "step", 0)


def _usage(folder: RunFolder) -> tuple[float, ...]:
    """Return the share of each class in the section that the run classified last, or nothing."""
    try:
        classes = read_snapshot(folder.path)[1]
        counts = np.bincount(classes.ravel(), minlength=folder.settings.n_classes + 1)
    except (OSError, ValueError):  # it isn't there, or cut short; the shares are counted anew anyway
        return ()
    known = counts[1 : folder.settings.n_classes + 1]
    return tuple(float(count) / max(int(known.sum()), 1) for count in known)
