"""Where runs go by themselves, so that a crash or a forgotten save loses nothing."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from qtpy.QtCore import QStandardPaths

__all__ = ["new_run_dir", "runs_folder"]


def runs_folder() -> Path:
    """Return the folder of all runs, in the user's data folder (``~/.local/share`` on Linux)."""
    data = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericDataLocation)
    return Path(data) / "napari-em-autoclass" / "runs"


def new_run_dir(stack_name: str, now: datetime | None = None) -> Path:
    """Return a run folder that does not exist yet, named after stack and time; it is not made."""
    plain = re.sub(r"[^\w.-]+", "-", stack_name).strip("-.")[:60] or "stack"
    at = (now or datetime.now()).strftime("%Y-%m-%d-%H%M%S")
    folder = runs_folder() / f"{plain}-{at}"
    count = 2
    while folder.exists():
        folder = folder.with_name(f"{plain}-{at}-{count}")
        count += 1
    return folder
