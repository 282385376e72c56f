"""Looks a stack over in the background, before anything is learned: damaged sections, then alignment."""

from __future__ import annotations

import logging
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.worker import Report, TaskWorker

__all__ = ["CheckUp"]

_log = logging.getLogger(__name__)
_DELAY_MS = 800  # the dock opens, and the section shows, first


class CheckUp(QObject):
    """`damage_found` carries a `core.damage.Damage`, `alignment_found` a `core.alignment.Alignment`."""

    damage_found = Signal(object)
    alignment_found = Signal(object)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._volume: Volume | None = None
        self._worker: TaskWorker | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DELAY_MS)
        self._timer.timeout.connect(self._find_damage)

    def begin(self, volume: Volume | None) -> None:
        """Look over another stack."""
        self.close()
        self._volume = volume
        if volume is not None:
            self._timer.start()

    def close(self) -> None:
        """Say nothing more."""
        self._timer.stop()
        self._volume = None
        if self._worker is not None:
            for signal in (self._worker.returned, self._worker.errored):
                signal.disconnect()
            self._worker.quit()
            self._worker = None

    def _find_damage(self) -> None:
        volume = self._volume
        if volume is None:
            return

        def task(report: Report) -> Any:
            from napari_em_autoclass.core.damage import find_damage

            return find_damage(volume, report=report)

        self._start(task, self._on_damage)

    def _on_damage(self, damage: Any) -> None:
        volume, skipped = self._volume, damage.sections
        self.damage_found.emit(damage)
        if volume is None:
            return

        def task(report: Report) -> Any:
            from napari_em_autoclass.core.alignment import measure_alignment

            return measure_alignment(volume, left_out=skipped, report=report)

        self._start(task, self.alignment_found.emit)

    def _start(self, task: Any, then: Any) -> None:
        self._worker = TaskWorker(task)
        self._worker.returned.connect(then)
        self._worker.errored.connect(self._on_errored)
        self._worker.start()

    def _on_errored(self, error: Exception) -> None:
        _log.error("the stack could not be looked over", exc_info=error)
        self.failed.emit(f"The stack could not be looked over: {error}")
