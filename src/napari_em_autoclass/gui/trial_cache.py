"""Trials measured on this machine, so that an estimate needs one only once: a small JSON file in the user's cache."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QStandardPaths

from napari_em_autoclass.core.run_files import write_atomically

if TYPE_CHECKING:
    from napari_em_autoclass.core.estimate import Trial
    from napari_em_autoclass.core.run_settings import RunSettings

__all__ = ["known_trial", "remember_trial", "trials_file"]

_MOST = 50
# They change neither what a step costs nor what a tile does.
_FREE = ("recipe", "seed", "region", "skip_sections", "views")


def trials_file() -> Path:
    """Return where the trials of this machine are kept."""
    cache = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericCacheLocation)
    return Path(cache) / "napari-em-autoclass" / "trials.json"


def known_trial(settings: RunSettings, file: Path | None = None) -> Trial | None:
    """Return the trial of such settings on this machine, None if there was none."""
    from napari_em_autoclass.core.estimate import Trial

    try:
        return Trial(**_read(file or trials_file())[_key(settings)])
    except (KeyError, TypeError):  # none, or of another version
        return None


def remember_trial(settings: RunSettings, trial: Trial, file: Path | None = None) -> None:
    """Keep a trial; where that can't be done the next estimate measures again."""
    file = file or trials_file()
    known = {**_read(file), _key(settings): asdict(trial)}
    newest = dict(list(known.items())[-_MOST:])
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(newest, indent=1).encode())
    except OSError:
        return


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _key(settings: RunSettings) -> str:
    """Return what tells machines, devices and settings apart, as far as they cost another time."""
    import torch

    from napari_em_autoclass.core.device import choose_device

    tree = settings.model_dump(mode="json")
    for name in _FREE:
        del tree[name]
    for name in ("seconds", "steps"):
        del tree["training"][name]
    device = choose_device(settings.device).name
    gpu = torch.cuda.get_device_name() if device == "cuda" else ""
    machine = (platform.node(), platform.machine(), os.cpu_count(), torch.__version__, device, gpu)
    return hashlib.sha256(json.dumps([machine, tree], sort_keys=True, default=str).encode()).hexdigest()[:16]
