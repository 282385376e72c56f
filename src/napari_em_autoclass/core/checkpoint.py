"""The run folder: what a run is, on disk.

``run.json``            settings, volume, normalisation, versions; written when the run begins or its settings change
``weights.safetensors`` everything learned, with the progress in its header, so that both are always of one moment
``weights.previous.safetensors``  the same of an earlier step, to go back to
``classes.json``        names, colours and merges with their history; ``classes.previous.json`` before the last edit
``log.jsonl``           one line per step
``snapshot/``           the last class map of a section, as a picture in numbers
``run.lock``            who writes here now; left behind by a crash, see `run_lock`

Every file is written beside its place, flushed to disk and renamed, so a reader sees the old or the new one, never
half.  Nothing is pickled.
"""

from __future__ import annotations

import json
import platform
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from napari_em_autoclass.core.class_file import mend_history, read_history, save_history
from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.history import History
from napari_em_autoclass.core.limits import lines_of, parsed_json
from napari_em_autoclass.core.migrations import SCHEMA_VERSIONS, migrated
from napari_em_autoclass.core.model import Model, empty_classifiers, load_weights
from napari_em_autoclass.core.normalise import Normalisation
from napari_em_autoclass.core.run_files import append_lines, read_json, remove_leftovers, write_atomically
from napari_em_autoclass.core.run_lock import RunLock, was_left_behind
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.settings import first_problem
from napari_em_autoclass.core.volume_record import FurtherRecord, VolumeRecord
from napari_em_autoclass.core.weights_file import (
    PREVIOUS_NAME,
    WEIGHTS_NAME,
    Progress,
    read_progress,
    read_weights,
    write_weights,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from torch import Tensor

    from napari_em_autoclass.core.events import ViewRequest
    from napari_em_autoclass.core.volume import Volume

__all__ = ["Progress", "RunFolder", "VolumeRecord", "write_atomically"]


@dataclass
class RunFolder:
    """A run on disk.

    Parameters
    ----------
    path : the folder
    settings, volume, normalisation : as stored in ``run.json``
    more : the volumes that were learned from beside `volume`
    lock : held by who trains; without it nothing but the classes may be written
    """

    path: Path
    settings: RunSettings
    volume: VolumeRecord
    normalisation: Normalisation
    more: tuple[FurtherRecord, ...] = ()
    lock: RunLock | None = field(default=None, compare=False)

    @classmethod
    def create(
        cls,
        path: Path,
        settings: RunSettings,
        volume: Volume,
        normalisation: Normalisation,
        more: tuple[FurtherRecord, ...] = (),
    ) -> RunFolder:
        """Make a new run folder, locked for who made it.

        Raises
        ------
        InputError
            If the folder already holds a run, can't be written, or somebody else is just making one there.
        """
        folder = cls(path, settings, VolumeRecord.of(volume), normalisation, more)
        was_there = path.exists()
        try:
            if not (path / "run.json").exists():
                (path / "snapshot").mkdir(parents=True, exist_ok=True)
                folder._take_lock()
            # Looked for again: now nobody else can make one.
            if (path / "run.json").exists():
                folder.release_lock()
                raise InputError(f"{path} already holds a run; choose another folder, or resume it")
            folder.save_settings(settings)
            folder.save_history(History.of(ClassMap.fresh(settings.n_classes, settings.first_names)))
        except OSError as error:
            folder.release_lock()
            _remove_what_was_begun(path, keeps_folder=was_there)
            raise InputError(f"can't write to {path} ({error.strerror or error}); choose another folder") from error
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open an existing run folder.

        Raises
        ------
        InputError
            If it is none, is damaged, or was written by another version of the program.
        """
        content = read_json(path / "run.json", f"{path} is not a run folder (no readable run.json)")
        content = migrated("run", content, str(path / "run.json"))
        try:
            settings = RunSettings.model_validate(content["settings"])
            volume = VolumeRecord.model_validate(content["volume"])
            normalisation = Normalisation.model_validate(content["normalisation"])
            more = tuple(FurtherRecord.model_validate(each) for each in content["more_volumes"])
            for record, fitted in ((volume, normalisation), *((each.volume, each.normalisation) for each in more)):
                record.check(fitted)
            return cls(path, settings, volume, normalisation, more)
        except (KeyError, TypeError, InputError, ValidationError) as error:
            told = str(error) if isinstance(error, InputError) else f"no {error}"
            detail = first_problem(error) if isinstance(error, ValidationError) else told
            raise InputError(f"{path / 'run.json'} is damaged: {detail}") from error

    def save_settings(self, settings: RunSettings) -> None:
        """Store `settings`, with everything else that run.json holds."""
        self.settings = settings
        content = {
            "schema_version": SCHEMA_VERSIONS["run"],
            "settings": settings.model_dump(mode="json"),
            "volume": self.volume.model_dump(mode="json"),
            "normalisation": self.normalisation.model_dump(mode="json"),
            "more_volumes": [each.model_dump(mode="json") for each in self.more],
            "versions": _versions(),
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        write_atomically(self.path / "run.json", json.dumps(content, indent=1).encode())

    # --- who writes --------------------------------------------------------------------------------------------------

    def take_lock(self) -> None:
        """Become the one who writes, until `release_lock`, and clear away what a killed writer left half written.

        Raises
        ------
        InputError
            If somebody else writes here, or the folder can't be written to.
        """
        try:
            self._take_lock()
        except OSError as error:
            told = f"can't write to {self.path} ({error.strerror or error})"
            raise InputError(f"{told}; make it writable, or copy the run to another disk") from error

    def _take_lock(self) -> None:
        if self.lock is None:
            self.lock = RunLock.take(self.path)
            remove_leftovers(self.path)

    def release_lock(self) -> None:
        """Let others write."""
        if self.lock is not None:
            self.lock.release()
            self.lock = None

    @property
    def was_interrupted(self) -> bool:
        """Whether a training here was killed, or crashed, with something learned and something left to learn."""
        try:
            return was_left_behind(self.path) and read_progress(self.path / WEIGHTS_NAME).stage != "done"
        except InputError:
            return False

    # --- weights -----------------------------------------------------------------------------------------------------

    def save_weights(self, tensors: dict[str, Tensor], progress: Progress) -> None:
        """Store everything learned, with `progress` in the file's header."""
        write_weights(self.path / WEIGHTS_NAME, tensors, progress)

    def load_weights(self) -> tuple[dict[str, Tensor], Progress]:
        """Return what `save_weights` stored.

        Raises
        ------
        InputError
            If nothing was saved yet, or the file is damaged.
        """
        path = self.path / WEIGHTS_NAME
        if not path.exists():
            raise InputError(f"{self.path} has no weights yet; train it by em-autoclass train --resume")
        return read_weights(path)

    def model(self, device: str = "cpu") -> Model:
        """Return the classifier of the last checkpoint, ready to use.

        Raises
        ------
        InputError
            If there are no weights, or they don't fit the settings.
        """
        tensors, progress = self.load_weights()
        part = "student" if progress.has_classes else "sketch"
        learned = self.settings.learned_box(self.volume.shape_zyx)
        empty = empty_classifiers(self.settings, self.volume.voxel_size_nm, learned.shape[0])
        try:
            load_weights(empty[part], tensors, part)
        except RuntimeError as error:
            raise InputError(
                f"{self.path}: the weights don't fit the settings in run.json; one of them was changed"
            ) from error
        classifier: Any = empty[part].to(device).eval()
        known = (self.settings, classifier, progress.stage, self.normalisation, self.volume.fingerprint)
        further = tuple((each.volume.fingerprint, each.normalisation) for each in self.more)
        return Model(*known, weights=f"{part}@{progress.step}", further=further)

    @property
    def has_weights(self) -> bool:
        """Whether anything was learned and saved."""
        return any((self.path / name).exists() for name in (WEIGHTS_NAME, PREVIOUS_NAME))

    # --- classes, log, snapshot --------------------------------------------------------------------------------------

    def save_history(self, history: History) -> History:
        """Store names, colours and merges, and return them with their new revision; errors as `class_file` says."""
        return save_history(self.path, history)

    def mend_history(self) -> str:
        """See to it that there are names that can be read; return what was done, "" if nothing was wrong."""
        return mend_history(self.path, self.settings.n_classes)

    @property
    def history(self) -> History:
        """Names, colours and merges with their history.

        Raises
        ------
        InputError
            If classes.json is missing or damaged.
        """
        return read_history(self.path)

    def append_log(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add one line per row to the log."""
        append_lines(self.path / "log.jsonl", [json.dumps(row) + "\n" for row in rows])

    def log(self) -> list[dict[str, Any]]:
        """Return the rows of the log; a last line cut short by a crash is left out."""
        path = self.path / "log.jsonl"
        rows = []
        for line in lines_of(path) if path.exists() else ():
            with suppress(ValueError):
                rows.append(parsed_json(line, takes_nan=True))
        return [row for row in rows if isinstance(row, dict) and isinstance(row.get("step"), int)]

    def cut_log(self, step: int) -> None:
        """Drop the log of steps after `step`: they were done but not saved, and will be done again."""
        kept = [row for row in self.log() if row["step"] <= step]
        write_atomically(self.path / "log.jsonl", "".join(json.dumps(row) + "\n" for row in kept).encode())

    def save_snapshot(self, view: ViewRequest, classes: np.ndarray[Any, Any]) -> None:
        """Store the class map (h, w) of what `view` asked for as the run's latest picture."""
        import io  # noqa: PLC0415

        buffer = io.BytesIO()
        np.savez_compressed(buffer, corner_zyx=np.array([view.z, view.y0, view.x0]), classes=classes)
        write_atomically(self.path / "snapshot" / "latest.npz", buffer.getvalue())


def _remove_what_was_begun(path: Path, *, keeps_folder: bool) -> None:
    """Leave no half run behind, which the next attempt would take for a whole one."""
    for name in ("run.json", "classes.json"):
        with suppress(OSError):
            (path / name).unlink(missing_ok=True)
    for folder in (path / "snapshot", *(() if keeps_folder else (path,))):
        with suppress(OSError):  # somebody else's files stay, and their folder
            folder.rmdir()


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    found = {"python": platform.python_version()}
    for name in ("napari-em-autoclass", "torch", "numpy", "scikit-learn", "zarr"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
