"""All settings of a run to and from a JSON file, and an estimate of what they cost: tasks for a thread."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.limits import json_of
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.trial_cache import known_trial, remember_trial
from napari_em_autoclass.gui.wishes import Wishes, settings_of

if TYPE_CHECKING:
    from napari_em_autoclass.core.run_settings import RunSettings

__all__ = ["estimate_sentence", "load_settings", "save_settings"]


def save_settings(wishes: Wishes, path: Path) -> None:
    """Write the settings of a run as JSON, which `load_settings` and ``--recipe`` read.

    Raises
    ------
    InputError
        If a value is out of bounds, or the file can't be written.
    """
    from napari_em_autoclass.core.checkpoint import write_atomically

    content = settings_of(wishes).model_dump(mode="json")
    try:
        write_atomically(path, json.dumps(content, indent=1).encode())
    except OSError as error:
        raise InputError(f"can't write {path} ({error.strerror or error}); choose another place") from error


def load_settings(path: Path) -> RunSettings:
    """Return the settings in a file that `save_settings`, or a run (run.json), wrote.

    Raises
    ------
    InputError
        If the file can't be read or holds something else.
    """
    from pydantic import ValidationError

    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.settings import first_problem

    try:
        content = json_of(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} can't be read as settings; choose a .json that was saved here") from error
    if isinstance(content, dict) and isinstance(content.get("settings"), dict):
        content = content["settings"]
    try:
        return RunSettings.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{path.name}: {first_problem(error)}") from error


def estimate_sentence(
    volume: Volume, wishes: Wishes, report: Callable[[float], None], *, afresh: bool = True, file: Path | None = None
) -> str:
    """Return in one line what a run would cost.

    Parameters
    ----------
    afresh : measure by a short trial even where this machine has had one of such settings
    file : where trials are remembered; None is the user's cache
    """
    import torch

    from napari_em_autoclass.core.estimate import estimated, measure

    settings = settings_of(wishes)
    trial = None if afresh else known_trial(settings, file)
    if trial is None:
        # Not set back: a training may have begun meanwhile and set its own.
        torch.set_num_threads(settings.training.threads or torch.get_num_threads())
        trial = measure(volume, settings, report)
        remember_trial(settings, trial, file)
    return estimated(volume, settings, trial).sentence
