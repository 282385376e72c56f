"""A file of weights: named tensors, with the progress of the run in the header, so that both are of one moment.

A run keeps two: ``weights.safetensors`` of its last checkpoint, and ``weights.previous.safetensors`` of the last round
step number at which all was well: what a diverging run goes back to, and what is left if the other is damaged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field

from napari_em_autoclass.core.divergence import LossRecord
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.limits import MAX_WEIGHTS_BYTES, parsed_json
from napari_em_autoclass.core.migrations import SCHEMA_VERSIONS, migrated
from napari_em_autoclass.core.run_files import write_atomically
from napari_em_autoclass.core.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

__all__ = [
    "PREVIOUS_NAME",
    "WEIGHTS_NAME",
    "Progress",
    "newest_weights",
    "read_progress",
    "read_weights",
    "write_weights",
]

WEIGHTS_NAME: Final = "weights.safetensors"
PREVIOUS_NAME: Final = "weights.previous.safetensors"
_MOST: Final = 10**12


class Progress(Settings):
    """How far a run has come when its weights were saved."""

    step: int = Field(0, ge=0, le=_MOST)
    elapsed_s: float = Field(0.0, ge=0, le=_MOST)
    stage: Literal["first sketch", "learning", "done"] = "first sketch"
    has_classes: bool = False
    divergences: int = Field(0, ge=0, le=_MOST)
    """How often the loss has diverged: each time the run goes back, and learns half as fast from there."""
    losses: LossRecord = LossRecord()
    """What is known of the loss, to tell when it diverges."""


def write_weights(path: Path, tensors: dict[str, Tensor], progress: Progress) -> None:
    """Replace the file by one that holds `tensors` and `progress`."""
    from safetensors.torch import save  # noqa: PLC0415

    header = {"schema_version": str(SCHEMA_VERSIONS["weights"]), "progress": progress.model_dump_json()}
    write_atomically(path, save(tensors, header))


def read_weights(path: Path) -> tuple[dict[str, Tensor], Progress]:
    """Return what `write_weights` stored, at this or an older version.

    Raises
    ------
    InputError
        If it is damaged, or of a newer version of the program.
    """
    from safetensors import safe_open  # noqa: PLC0415

    try:
        if path.stat().st_size > MAX_WEIGHTS_BYTES:
            raise InputError(f"{path} is too large for weights ({path.stat().st_size} bytes); restore it from a backup")
        with safe_open(path, framework="pt") as file:
            progress = _progress(path, file.metadata())
            return {name: file.get_tensor(name) for name in file.keys()}, progress
    except InputError:
        raise
    except Exception as error:
        raise _damaged(path, error) from error


def read_progress(path: Path) -> Progress:
    """Return the progress in the header of a file of weights; the weights are not read.

    Raises
    ------
    InputError
        As `read_weights` does.
    """
    from safetensors import safe_open  # noqa: PLC0415

    try:
        with safe_open(path, framework="numpy") as file:
            return _progress(path, file.metadata())
    except InputError:
        raise
    except Exception as error:
        raise _damaged(path, error) from error


def newest_weights(run: Path) -> tuple[dict[str, Tensor], Progress, str]:
    """Return the newest weights of a run that can be read, and a sentence for the user if the last can't.

    As a rule these are the last; but a process may have been killed just between writing the one and the other.

    Raises
    ------
    InputError
        If neither can be read.
    """
    last, previous = run / WEIGHTS_NAME, run / PREVIOUS_NAME
    try:
        tensors, progress = read_weights(last)
    except InputError as error:
        if not previous.exists():
            raise
        tensors, progress = read_weights(previous)
        return tensors, progress, f"{str(error).split(';')[0]}; going on from step {progress.step}, which was kept too."
    if previous.exists() and _order(_or_start(previous)) > _order(progress):
        return *read_weights(previous), ""
    return tensors, progress, ""


def _order(progress: Progress) -> tuple[int, int, float]:
    return progress.divergences, progress.step, progress.elapsed_s


def _or_start(path: Path) -> Progress:
    try:
        return read_progress(path)
    except InputError:
        return Progress()


def _progress(path: Path, header: dict[str, str] | None) -> Progress:
    told = {"schema_version": int((header or {}).get("schema_version", "1")), **parsed_json((header or {})["progress"])}
    told = migrated("weights", told, str(path))
    return Progress.model_validate({name: value for name, value in told.items() if name != "schema_version"})


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(f"{path} is damaged ({type(error).__name__}); restore it from a backup or train again")
