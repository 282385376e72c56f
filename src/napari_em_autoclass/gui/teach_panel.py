"""Paint to teach: some painted pixels, one button, and a map of what was painted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

import numpy as np
from napari.layers import Labels
from napari.viewer import Viewer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_em_autoclass.gui.fitted_text import WrappedLabel
from napari_em_autoclass.gui.session import Session, sentence_for
from napari_em_autoclass.gui.source import OURS
from napari_em_autoclass.gui.teaching import TaughtMap, TeachOrder, teach
from napari_em_autoclass.gui.worker import Report, TaskWorker

__all__ = ["TeachPanel"]

_log = logging.getLogger(__name__)
_MOST_PAINTED = 8  # sections that are mapped at once because something is painted there


class TeachPanel(QWidget):
    """Takes the labels layer that was painted on; `taught` carries it and the map.

    Parameters
    ----------
    session : of the dock
    viewer : whose layers are painted on
    learn : from an order to a map; called in another thread
    """

    title = "Paint to teach"
    taught = Signal(object, object)  # Labels, TaughtMap

    def __init__(
        self,
        session: Session,
        viewer: Viewer,
        learn: Callable[[TeachOrder, Report], TaughtMap] = teach,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._viewer, self._learn = session, viewer, learn
        self._worker: TaskWorker | None = None
        self._painted: Labels | None = None
        self.hint = WrappedLabel("Add a labels layer, paint some dozens of pixels of each kind and of the background.")
        self.button = QPushButton("Find what is painted")
        self.figure = QLabel()
        self.figure.setVisible(False)
        self._lay_out()
        self.button.clicked.connect(self.begin)
        session.state_changed.connect(self._enable)
        session.volume_changed.connect(self._enable)
        self._enable()

    def painted_layer(self) -> Labels | None:
        """Return the labels layer on the stack's grid to learn from: the selected one, else the topmost."""
        volume = self._session.volume
        layers = [self._viewer.layers.selection.active, *reversed(self._viewer.layers)]
        for layer in layers:
            fits = isinstance(layer, Labels) and OURS not in layer.metadata and not layer.multiscale
            if fits and volume is not None and tuple(layer.data.shape) == volume.shape_zyx:
                return layer
        return None

    def begin(self) -> None:
        """Learn from what is painted, in the background; then show it where something is painted, and in view."""
        volume, run_dir, layer = self._session.volume, self._session.run_dir, self.painted_layer()
        if volume is None or run_dir is None or self._worker is not None:
            return
        if layer is None:
            self._session.said.emit("Nothing to learn from: add a labels layer of the stack's size and paint.", True)
            return
        painted = np.array(layer.data) if isinstance(layer.data, np.ndarray) else layer.data
        with_paint = np.flatnonzero([np.any(painted[z]) for z in range(len(painted))])[:_MOST_PAINTED].tolist()
        shown = round(layer.world_to_data(self._viewer.dims.point)[-3])
        sections = tuple(sorted({*with_paint, min(max(shown, 0), len(painted) - 1)}))
        self._painted = layer
        self._worker = TaskWorker(partial(self._learn, TeachOrder(run_dir, volume, painted, sections)))
        self._worker.progressed.connect(self._on_progressed)
        self._worker.returned.connect(self._on_taught)
        self._worker.errored.connect(self._on_errored)
        self._worker.finished.connect(self._on_finished)
        self._session.said.emit("Learning from what is painted; the map shows in a moment.", False)
        self._worker.start()
        self._enable()

    def close_down(self) -> None:
        """End what is under way, and say nothing more."""
        if self._worker is not None:
            for signal in (self._worker.progressed, self._worker.returned, self._worker.errored, self._worker.finished):
                signal.disconnect()
            self._worker.quit()
            self._worker = None

    def _lay_out(self) -> None:
        self.hint.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.button.setToolTip(
            "Learns what the painted pixels have in common and shows where else it is:\n"
            "in the section in view and those you painted on. What was learned is kept in the run."
        )
        row = QHBoxLayout()
        row.addWidget(self.button, 1)
        row.addWidget(self.figure)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.hint)
        layout.addLayout(row)

    def _enable(self, _: object = None) -> None:
        run_dir = self._session.run_dir
        ready = run_dir is not None and (run_dir / "weights.safetensors").exists()
        # While it learns, two would share the processor, and the rule would soon be of another network.
        self.button.setEnabled(ready and self._worker is None and not self._session.is_busy)

    def _on_progressed(self, fraction: float) -> None:
        self.figure.setText(f"{100 * fraction:.0f} %")
        self.figure.setVisible(True)

    def _on_taught(self, found: TaughtMap | None) -> None:
        if found is not None and self._painted is not None:
            self.taught.emit(self._painted, found)
            where = f"{len(found.sections)} section{'s' if len(found.sections) > 1 else ''}"
            self._session.said.emit(f"Shown in {where}. Paint more where it is wrong, and press again.", False)

    def _on_errored(self, error: Exception) -> None:
        _log.error("nothing was learned from the painted pixels", exc_info=error)
        self._session.said.emit(sentence_for(error), True)

    def _on_finished(self) -> None:
        self._worker = self._painted = None
        self.figure.setText("")
        self.figure.setVisible(False)
        self._enable()
