"""Recipes side by side: tick some, and a table fills row by row; a click shows what a recipe makes of a section."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_em_autoclass.core.comparison.rows import RecipeRow
from napari_em_autoclass.core.events import StepDone
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.comparison import ComparisonOrder, map_of, open_comparison
from napari_em_autoclass.gui.comparison_table import ComparisonTable
from napari_em_autoclass.gui.editors import FloatBox, IntBox
from napari_em_autoclass.gui.fitted_text import ElidedBox, ElidedLabel
from napari_em_autoclass.gui.glyphs import GlyphButton
from napari_em_autoclass.gui.recipe_card import DEFAULT_CLASSES, dock_cards
from napari_em_autoclass.gui.run_place import new_run_dir
from napari_em_autoclass.gui.session import RunState, Session, sentence_for
from napari_em_autoclass.gui.source import OURS
from napari_em_autoclass.gui.worker import Run, TrainingWorker

__all__ = ["ComparisonPanel"]

_log = logging.getLogger(__name__)
_SECONDS = 60.0
_BUSY = "A training is under way: stop it first, two would share the processor."
_TICKED = ("recommended", "yardsticks")


class ComparisonPanel(QWidget):
    """Runs the ticked recipes in the background, one after another, into a folder of their own.

    Parameters
    ----------
    session : lends the stack, and is busy meanwhile
    viewer : whose label layers may serve as truth
    open_run : opens a comparison, called in the worker thread; tests pass their own
    """

    title = "Compare recipes"
    map_wanted = Signal(object)  # ComparedMap

    def __init__(
        self,
        session: Session,
        viewer: Viewer,
        open_run: Callable[[ComparisonOrder], Any] = open_comparison,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._viewer, self._open_run = session, viewer, open_run
        self._worker: TrainingWorker | None = None
        self._run: Run | None = None
        self._volume: Volume | None = None  # the one that was compared on
        self._rows: dict[str, RecipeRow] = {}
        self._maps: dict[str, NDArray[np.uint8]] = {}
        self._recipe = self._progress = ""
        self.table = ComparisonTable(dock_cards())
        self.all_button, self.none_button = QPushButton("All"), QPushButton("None")
        self.classes_box, self.seconds_box = IntBox(), FloatBox(digits=3)
        self.truth_box = ElidedBox()
        self.start_button = GlyphButton("play", "Run the ticked recipes one after another", "Start")
        self.stop_button = GlyphButton("stop", "Stop; rows that are there stay")
        self.progress_bar, self.status = QProgressBar(), ElidedLabel()
        self._fill()
        self._lay_out()
        self._connect()
        self._list_truths()
        self._update()

    def close_down(self) -> None:
        """End a comparison that is under way, and say nothing more."""
        for emitter in (self._viewer.layers.events.inserted, self._viewer.layers.events.removed):
            emitter.disconnect(self._list_truths)
        if self._worker is not None:
            for signal in (self._worker.opened, self._worker.event, self._worker.errored, self._worker.finished):
                signal.disconnect()
            self._worker.quit()
            self._worker = self._run = None

    def start(self) -> None:
        """Compare the ticked recipes on the session's stack."""
        volume, recipes = self._session.volume, self.table.ticked()
        if volume is None or not recipes or self._worker is not None:
            return
        if not self._session.lend(self.stop):
            self._session.said.emit(_BUSY, True)
            return
        self._volume, self._rows, self._maps = volume, {}, {}
        self.table.forget()
        labels = self.truth_box.currentData()
        order = ComparisonOrder(
            volume,
            recipes,
            self.classes_box.value(),
            self.seconds_box.value(),
            new_run_dir(f"compare-{volume.name}"),
            None if labels is None else labels.data,
        )
        self._worker = TrainingWorker(partial(self._open_run, order))
        self._worker.opened.connect(self._on_opened)
        self._worker.event.connect(self._on_event)
        self._worker.errored.connect(self._on_errored)
        self._worker.finished.connect(self._on_finished)
        self._session.said.emit(f"Comparing {len(recipes)} recipes; the table fills as they end.", False)
        self.status.setToolTip(str(order.folder))
        self._say("starting…")
        self._worker.start()
        self._update()

    def stop(self) -> None:
        """End soon; the rows that are there stay."""
        if self._worker is not None:
            self._worker.quit()
            self.stop_button.setEnabled(False)
            self._say("stopping…")

    def _fill(self) -> None:
        self.table.tick(lambda card: card.card.group in _TICKED)
        self.classes_box.setRange(2, 254)
        self.classes_box.setValue(DEFAULT_CLASSES)
        self.classes_box.setToolTip("How many classes each recipe tells apart: scores are compared at equal numbers")
        self.seconds_box.setRange(1, 100_000)
        self.seconds_box.setValue(_SECONDS)
        self.seconds_box.setSuffix(" s")
        self.seconds_box.setToolTip("Time to train each recipe; scoring takes some seconds more")
        self.truth_box.setToolTip("A layer with the true structures adds merged mIoU: how good after merging classes")
        self.progress_bar.setRange(0, 1000)
        self.progress_bar.setTextVisible(False)
        self.progress_bar.setFixedHeight(6)
        for box in (self.classes_box, self.seconds_box):
            box.setMinimumWidth(80)

    def _lay_out(self) -> None:
        choices, buttons = QGridLayout(), QHBoxLayout()
        choices.setHorizontalSpacing(6)
        choices.setVerticalSpacing(4)
        choices.addWidget(QLabel("Classes"), 0, 0)
        choices.addWidget(self.classes_box, 0, 1)
        choices.addWidget(QLabel("Each"), 0, 2)
        choices.addWidget(self.seconds_box, 0, 3)
        choices.addWidget(QLabel("Truth"), 1, 0)
        choices.addWidget(self.truth_box, 1, 1, 1, 3)
        choices.setColumnStretch(1, 1)
        choices.setColumnStretch(3, 1)
        buttons.setSpacing(4)
        for button in (self.start_button, self.stop_button):
            buttons.addWidget(button)
        buttons.addWidget(self.status, 1)
        for word_button in (self.all_button, self.none_button):
            word_button.setMaximumWidth(52)
            buttons.addWidget(word_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(choices)
        layout.addLayout(buttons)
        layout.addWidget(self.progress_bar)
        layout.addWidget(self.table)

    def _connect(self) -> None:
        self.start_button.clicked.connect(self.start)
        self.stop_button.clicked.connect(self.stop)
        self.all_button.clicked.connect(lambda: self.table.tick(lambda _: True))
        self.none_button.clicked.connect(lambda: self.table.tick(lambda _: False))
        self.table.ticks_changed.connect(self._update)
        self.table.recipe_clicked.connect(self._on_clicked)
        self._session.state_changed.connect(self._update)
        self._session.volume_changed.connect(self._on_volume)
        for emitter in (self._viewer.layers.events.inserted, self._viewer.layers.events.removed):
            emitter.connect(self._list_truths)

    def _list_truths(self, _: object = None) -> None:
        """Offer the label layers of the stack's shape that are not ours."""
        volume, chosen = self._session.volume, self.truth_box.currentData()
        self.truth_box.clear()
        self.truth_box.addItem("none", None)
        for layer in self._viewer.layers:
            fits = isinstance(layer, Labels) and not layer.multiscale and OURS not in layer.metadata
            if fits and volume is not None and tuple(layer.data.shape) == volume.shape_zyx:
                self.truth_box.addItem(str(layer.name), layer)
        self.truth_box.setCurrentIndex(max(self.truth_box.findData(chosen), 0))

    def _on_volume(self, _: Volume | None) -> None:
        self._list_truths()
        self._update()

    def _update(self, _: object = None) -> None:
        state, comparing = self._session.state, self._worker is not None
        ready = state is RunState.IDLE and self._session.volume is not None
        self.start_button.setEnabled(ready and not comparing and bool(self.table.ticked()))
        self.stop_button.setEnabled(comparing)
        for widget in (self.classes_box, self.seconds_box, self.truth_box, self.all_button, self.none_button):
            widget.setEnabled(not comparing)
        self.table.set_locked(comparing)
        if not comparing:
            training = state not in (RunState.IDLE, RunState.COMPARING)
            self._say(_BUSY if training else _ended(len(self._rows)))
            self.progress_bar.setValue(0)

    def _say(self, text: str) -> None:
        self.status.setText(text)

    def _on_opened(self, run: Run) -> None:
        self._run = run

    def _on_event(self, event: Any) -> None:
        # By name: the classes of these events are known to modules that bring torch along.
        kind = type(event).__name__
        if kind == "RecipeBegun":
            self._recipe = event.recipe
            self._progress = f"{event.number} of {event.total} · {self.table.title_of(event.recipe)}"
            self.table.set_running(event.recipe)
            self._say(f"{self._progress}: first sketch")
            self.progress_bar.setValue(0)
        elif isinstance(event, StepDone):
            self.progress_bar.setValue(round(1000 * event.fraction))
            self._say(f"{self._progress}: learning")
        elif kind == "RecipeScored":
            self.progress_bar.setValue(round(1000 * event.fraction))
            self._say(f"{self._progress}: scoring")
        elif kind == "RecipeDone":
            self._keep(event.row, event.classes)

    def _keep(self, row: RecipeRow, classes: NDArray[np.uint8] | None) -> None:
        self._rows[row.recipe] = row
        if classes is not None:
            self._maps[row.recipe] = classes
        self.table.set_row(row)

    def _on_clicked(self, recipe: str) -> None:
        if recipe in self._maps and self._volume is not None and self._volume is self._session.volume:
            self.map_wanted.emit(map_of(recipe, self.table.title_of(recipe), self._volume, self._rows, self._maps))

    def _on_errored(self, error: Exception) -> None:
        _log.error("the comparison failed", exc_info=error)
        self._session.said.emit(sentence_for(error), True)

    def _on_finished(self) -> None:
        self._worker = self._run = None
        self.table.set_running("")
        if self._rows:
            self._session.said.emit(f"Compared; click a row to see its map. {_kept(self.status.toolTip())}", False)
        self._session.take_back()
        self._update()


def _kept(folder: str) -> str:
    return f"Kept as {Path(folder).name}."  # the whole path takes three lines; it is the tooltip above the table


def _ended(n_rows: int) -> str:
    return "click a row to see its map" if n_rows else ""
