"""Where runs go by themselves, so that a crash or a forgotten save loses nothing."""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from qtpy.QtCore import QStandardPaths

from napari_em_autoclass.core.limits import json_of
from napari_em_autoclass.core.run_lock import LOCK_NAME

__all__ = ["copy_run", "mark_cut_off", "new_run_dir", "region_of", "runs_folder", "was_closed_midway"]

_CUT_OFF = "closed-midway"


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


def copy_run(run_dir: Path, to: Path) -> None:
    """Copy a run folder as a whole, or not at all.

    Raises
    ------
    InputError
        If there is something at `to`, or it can't be written.
    """
    from napari_em_autoclass.io.output import new_output

    with new_output(to) as partial:
        # Without what only whoever learns there needs.
        shutil.copytree(run_dir, partial, ignore=shutil.ignore_patterns(LOCK_NAME, _CUT_OFF, ".*.partial*"))


def mark_cut_off(run_dir: Path | None, is_cut_off: bool) -> None:
    """Note in a run that the window was closed while it learned, or that it goes on; where that fails, never mind."""
    if run_dir is not None and (run_dir / "run.json").exists():
        with suppress(OSError):
            (run_dir / _CUT_OFF).touch() if is_cut_off else (run_dir / _CUT_OFF).unlink(missing_ok=True)


def was_closed_midway(run_dir: Path) -> bool:
    """Return whether the window was closed while the run learned, so that nobody decided that it was enough."""
    return (run_dir / _CUT_OFF).exists()


def region_of(run_dir: Path | None) -> str | None:
    """Return the box ``z0:z1,y0:y1,x0:x1`` that a run learned from, None if it was all of the stack."""
    try:
        content = json_of(run_dir / "run.json") if run_dir is not None else {}
        region = content["settings"]["region"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(region) if region else None
