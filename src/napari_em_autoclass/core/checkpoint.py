"""The run folder: what a run is, on disk.

``run.json``            settings, volume, normalisation, versions; written when the run begins or its settings change
``weights.safetensors`` everything learned, with the progress in its header, so that both are always of one moment
``classes.json``        names, colours and merges with their history
``log.jsonl``           one line per step
``snapshot/``           the last class map of a section, as a picture in numbers

Every file is written beside its place, flushed to disk and renamed, so a reader sees the old or the new one, never
half.  Nothing is pickled.
"""

from __future__ import annotations

import json
import os
import platform
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import ValidationError

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.history import History
from napari_em_autoclass.core.model import Model, empty_classifiers, fingerprint, load_weights
from napari_em_autoclass.core.normalise import Normalisation
from napari_em_autoclass.core.run_settings import SCHEMA_VERSION, RunSettings
from napari_em_autoclass.core.settings import Settings, first_problem

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from torch import Tensor

    from napari_em_autoclass.core.events import ViewRequest
    from napari_em_autoclass.core.volume import Volume

__all__ = ["Progress", "RunFolder", "VolumeRecord", "write_atomically"]


class VolumeRecord(Settings):
    """What the run was trained on, enough to recognise it and to rebuild the networks' sizes."""

    name: str
    source: str
    shape_zyx: tuple[int, int, int]
    dtype: str
    voxel_size_nm: tuple[float, float, float]
    fingerprint: str


class Progress(Settings):
    """How far a run has come when its weights were saved."""

    step: int = 0
    elapsed_s: float = 0.0
    stage: Literal["first sketch", "learning", "done"] = "first sketch"
    has_classes: bool = False


@dataclass
class RunFolder:
    """A run on disk.

    Parameters
    ----------
    path : the folder
    settings, volume, normalisation : as stored in ``run.json``
    """

    path: Path
    settings: RunSettings
    volume: VolumeRecord
    normalisation: Normalisation

    @classmethod
    def create(cls, path: Path, settings: RunSettings, volume: Volume, normalisation: Normalisation) -> RunFolder:
        """Make a new run folder.

        Raises
        ------
        InputError
            If the folder already holds a run, or can't be written.
        """
        if (path / "run.json").exists():
            raise InputError(f"{path} already holds a run; choose another folder, or resume it")
        record = VolumeRecord(
            name=volume.name,
            source=volume.source,
            shape_zyx=volume.shape_zyx,
            dtype=volume.dtype.str,
            voxel_size_nm=volume.voxel_size_nm,
            fingerprint=fingerprint(volume),
        )
        folder = cls(path, settings, record, normalisation)
        was_there = path.exists()
        try:
            (path / "snapshot").mkdir(parents=True, exist_ok=True)
            folder.save_settings(settings)
            folder.save_history(History.of(ClassMap.fresh(settings.n_classes)))
        except OSError as error:
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
        content = _read_json(path / "run.json", f"{path} is not a run folder (no readable run.json)")
        version = content.get("schema_version")
        if version != SCHEMA_VERSION:
            raise InputError(
                f"{path} has run schema {version}, this program reads {SCHEMA_VERSION}; use the version that wrote it"
            )
        try:
            return cls(
                path,
                RunSettings.model_validate(content["settings"]),
                VolumeRecord.model_validate(content["volume"]),
                Normalisation.model_validate(content["normalisation"]),
            )
        except (KeyError, ValidationError) as error:
            detail = first_problem(error) if isinstance(error, ValidationError) else f"no {error}"
            raise InputError(f"{path / 'run.json'} is damaged: {detail}") from error

    def save_settings(self, settings: RunSettings) -> None:
        """Store `settings`, with everything else that run.json holds."""
        self.settings = settings
        content = {
            "schema_version": SCHEMA_VERSION,
            "settings": settings.model_dump(mode="json"),
            "volume": self.volume.model_dump(mode="json"),
            "normalisation": self.normalisation.model_dump(mode="json"),
            "versions": _versions(),
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        write_atomically(self.path / "run.json", json.dumps(content, indent=1).encode())

    # --- weights -----------------------------------------------------------------------------------------------------

    def save_weights(self, tensors: dict[str, Tensor], progress: Progress) -> None:
        """Store everything learned, with `progress` in the file's header."""
        from safetensors.torch import save  # noqa: PLC0415

        write_atomically(self.path / "weights.safetensors", save(tensors, {"progress": progress.model_dump_json()}))

    def load_weights(self) -> tuple[dict[str, Tensor], Progress]:
        """Return what `save_weights` stored.

        Raises
        ------
        InputError
            If nothing was saved yet, or the file is damaged.
        """
        from safetensors import safe_open  # noqa: PLC0415

        path = self.path / "weights.safetensors"
        if not path.exists():
            raise InputError(f"{self.path} has no weights yet; the run ended before its first checkpoint, train again")
        try:
            with safe_open(path, framework="pt") as file:
                progress = Progress.model_validate_json(file.metadata()["progress"])
                return {name: file.get_tensor(name) for name in file.keys()}, progress
        except Exception as error:
            raise InputError(
                f"{path} is damaged ({type(error).__name__}); restore it from a backup or train again"
            ) from error

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
        return Model(*known, weights=f"{part}@{progress.step}")

    # --- classes, log, snapshot --------------------------------------------------------------------------------------

    def save_history(self, history: History) -> None:
        """Store names, colours and merges, and the way they came about."""
        write_atomically(self.path / "classes.json", json.dumps(history.to_json(), indent=1).encode())

    @property
    def history(self) -> History:
        """Names, colours and merges with their history.

        Raises
        ------
        InputError
            If classes.json is missing or damaged.
        """
        path = self.path / "classes.json"
        return History.from_json(_read_json(path, f"{path} is missing or damaged; delete it to start with fresh names"))

    def append_log(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add one line per row to the log."""
        with (self.path / "log.jsonl").open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)

    def log(self) -> list[dict[str, Any]]:
        """Return the rows of the log; a last line cut short by a crash is left out."""
        path = self.path / "log.jsonl"
        rows = []
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            with suppress(json.JSONDecodeError):
                rows.append(json.loads(line))
        return rows

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


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that a reader, or a crash, sees the old file or the new one, never half of it."""
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _remove_what_was_begun(path: Path, *, keeps_folder: bool) -> None:
    """Leave no half run behind, which the next attempt would take for a whole one."""
    for name in ("run.json", "classes.json"):
        with suppress(OSError):
            (path / name).unlink(missing_ok=True)
    for folder in (path / "snapshot", *(() if keeps_folder else (path,))):
        with suppress(OSError):  # somebody else's files stay, and their folder
            folder.rmdir()


def _read_json(path: Path, complaint: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(complaint) from error
    if not isinstance(content, dict):
        raise InputError(complaint)
    return content


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    found = {"python": platform.python_version()}
    for name in ("napari-em-autoclass", "torch", "numpy", "scikit-learn", "zarr"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
