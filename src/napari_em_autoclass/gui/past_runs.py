"""The runs of a stack that were kept by themselves: when, how far, and whether one was cut off.

Everything is read from small files, without torch, so that it can be asked for while a menu opens.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from napari_em_autoclass.core.limits import json_of, parsed_json
from napari_em_autoclass.core.run_lock import was_left_behind, writer_of
from napari_em_autoclass.gui.run_place import runs_folder, was_closed_midway

__all__ = ["PastRun", "past_runs"]

_MOST = 200  # run folders looked at, the newest first


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run with weights.

    Parameters
    ----------
    path : its folder
    recipe, n_classes : what it was set to
    step, stage : how far it came
    saved : when its weights were saved last, local time
    cut_off : whether it crashed, was killed, or its window closed, before it came to its end or was stopped
    """

    path: Path
    recipe: str
    n_classes: int
    step: int
    stage: str
    saved: datetime
    cut_off: bool

    def title(self, now: datetime) -> str:
        """Return one line for a menu: "today 14:02 · step 240 · neighbour-forecast · 20 classes"."""
        days = (now.date() - self.saved.date()).days
        day = {0: "today", 1: "yesterday"}.get(days, self.saved.strftime("%d %b %Y"))
        how = " · interrupted" if self.cut_off else "" if self.stage == "done" else " · stopped"
        when = f"{day} {self.saved:%H:%M}"
        return f"{when} · step {self.step} · {self.recipe} · {self.n_classes} classes{how}"


def past_runs(fingerprint: str, folder: Path | None = None) -> tuple[PastRun, ...]:
    """Return the runs of the stack with this fingerprint, the newest first; those being learned now are left out.

    Parameters
    ----------
    fingerprint : of the stack, see `core.volume.fingerprint`
    folder : that holds the run folders; None takes that of all runs
    """
    folder = runs_folder() if folder is None else folder
    try:
        places = [path for path in folder.iterdir() if (path / "weights.safetensors").is_file()]
    except OSError:
        return ()
    places = sorted(places, key=_saved_s, reverse=True)[:_MOST]
    found = (_past_run(path, fingerprint) for path in places if writer_of(path) is None)
    return tuple(run for run in found if run is not None)


def _saved_s(path: Path) -> float:
    try:
        return (path / "weights.safetensors").stat().st_mtime
    except OSError:
        return 0.0


def _past_run(path: Path, fingerprint: str) -> PastRun | None:
    """Return the run in a folder; None if it is of another stack, or damaged (whoever opens it hears why)."""
    try:
        content = json_of(path / "run.json")
        if content["volume"]["fingerprint"] != fingerprint:
            return None
        settings, progress = content["settings"], _progress(path / "weights.safetensors")
        named = (str(settings["recipe"]), int(settings["n_classes"]))
        how_far = (int(progress["step"]), str(progress["stage"]))
    except Exception:  # each way to be damaged has its own error
        return None
    cut_off = how_far[1] != "done" and (was_left_behind(path) or was_closed_midway(path))
    return PastRun(path, *named, *how_far, datetime.fromtimestamp(_saved_s(path)), cut_off)


def _progress(weights: Path) -> dict[str, Any]:
    from safetensors import safe_open

    with safe_open(weights, framework="np") as file:  # only the header is read
        return dict(parsed_json(file.metadata()["progress"]))
