"""Whether a run is being learned, was ended, or was cut off: a small file that lies in its folder while it goes on.

The file is touched every few seconds, also while the run is paused.  So a crash shows in that the file lies there and
is old; no process has to be asked, which would not work across machines and containers.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from qtpy.QtCore import QObject, QTimer

from napari_em_autoclass.core.events import Event, RunEnded, RunStarted

__all__ = ["ALIVE_S", "MARK", "RunMark", "is_learning", "was_cut_off"]

_log = logging.getLogger(__name__)

MARK = "running"
_BEAT_S = 5.0
ALIVE_S = 12.0
"""A mark older than this many seconds is that of a run that was cut off."""


class RunMark(QObject):
    """Marks the run that goes on.

    Parameters
    ----------
    run_dir : gives the folder of the present run
    """

    def __init__(self, run_dir: Callable[[], Path | None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._run_dir = run_dir
        self._at: Path | None = None
        self._beat = QTimer(self)
        self._beat.setInterval(round(1000 * _BEAT_S))
        self._beat.timeout.connect(self._touch)

    def on_event(self, event: Event) -> None:
        """Follow a run."""
        run_dir = self._run_dir()
        if isinstance(event, RunStarted) and run_dir is not None:
            self.begin(run_dir)
        elif isinstance(event, RunEnded):
            self.end()

    def begin(self, run_dir: Path) -> None:
        """Mark a run as going on."""
        self._at = run_dir / MARK
        self._touch()
        self._beat.start()

    def end(self) -> None:
        """Take the mark away: the run came to an end."""
        self._beat.stop()
        if self._at is not None:
            with suppress(OSError):
                self._at.unlink(missing_ok=True)
        self._at = None

    def abandon(self) -> None:
        """Leave the mark as that of a run that was cut off: nobody waits for its end."""
        self._beat.stop()
        if self._at is not None:
            with suppress(OSError):
                os.utime(self._at, (0, 0))
        self._at = None

    def _touch(self) -> None:
        try:
            if self._at is not None and self._at.parent.is_dir():
                self._at.touch()
        except OSError as error:  # a full disk; the run itself will say so
            _log.warning("the run could not be marked as going on: %s", error)


def is_learning(run_dir: Path) -> bool:
    """Return whether somebody learns in this run folder now."""
    age_s = _age_s(run_dir)
    return age_s is not None and age_s < ALIVE_S


def was_cut_off(run_dir: Path) -> bool:
    """Return whether a run was neither finished nor stopped: a crash, or the viewer was closed meanwhile."""
    age_s = _age_s(run_dir)
    return age_s is not None and age_s >= ALIVE_S


def _age_s(run_dir: Path) -> float | None:
    try:
        return time.time() - (run_dir / MARK).stat().st_mtime
    except OSError:
        return None
