"""The sample stack, made in the background: the viewer stays fluid while it grows."""

from __future__ import annotations

import logging

from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.layers import add_volume
from napari_em_autoclass.gui.worker import Report, TaskWorker

__all__ = ["SampleMaker", "make_sample"]

_log = logging.getLogger(__name__)


def make_sample(report: Report) -> Volume:
    """Return the sample that napari's menu offers too: made-up neuropil like serial-section TEM."""
    from napari_em_autoclass.core.phantom import make_phantom
    from napari_em_autoclass.io.run_source import SAMPLE  # the readers come with it

    made = make_phantom(mode="sstem")
    report(1.0)  # ends here if nobody wants it any more
    return Volume(made.raw, made.voxel_size_nm, "neuropil, like ssTEM", f"{SAMPLE}sstem")


class SampleMaker(QObject):
    """Adds the sample to `viewer`; `made` carries its layer, `failed` why there is none."""

    made = Signal(object)  # Image
    failed = Signal(object)  # Exception

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._worker: TaskWorker | None = None

    def begin(self) -> None:
        """Make the sample, unless that is under way."""
        if self._worker is not None:
            return
        self._worker = TaskWorker(make_sample)
        self._worker.returned.connect(self._on_made)
        self._worker.errored.connect(self._on_errored)
        self._worker.start()

    def close_down(self) -> None:
        """Add nothing later."""
        if self._worker is not None:
            self._worker.drop()
            self._worker = None

    def _on_made(self, volume: Volume | None) -> None:
        self._worker = None
        if volume is not None:
            layer: Image = add_volume(self._viewer, volume)
            self.made.emit(layer)

    def _on_errored(self, error: Exception) -> None:
        self._worker = None
        _log.error("the sample could not be made", exc_info=error)
        self.failed.emit(error)
