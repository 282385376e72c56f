"""Takes a run up again in the dock: stack, decisions, curves and settings as they were, ready to learn on.

A run comes dropped on the viewer (the reader leaves its folder in the metadata of the class layer), dropped on the
dock, or chosen from a menu.  Until it was read and checked as a whole, nothing changes.
"""

from __future__ import annotations

import logging
import math
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QVBoxLayout

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.run_lock import writer_of
from napari_em_autoclass.gui.drop_target import DropTarget, RunDrops, is_run
from napari_em_autoclass.gui.layers import add_volume
from napari_em_autoclass.gui.leading_box import leading_text
from napari_em_autoclass.gui.opened_run import Candidate, FoundStack, OpenedRun, find_stack, read_run
from napari_em_autoclass.gui.run_offers import RunOffers
from napari_em_autoclass.gui.sentences import sentence_for
from napari_em_autoclass.gui.source import LEFT, OURS, shape_of, stack_layers, volume_of, voxel_size_of
from napari_em_autoclass.gui.wishes import Wishes
from napari_em_autoclass.gui.worker import Report, TaskWorker

if TYPE_CHECKING:
    from napari_em_autoclass.gui.dock import AutoclassDock

__all__ = ["RUN", "Reopener"]

_log = logging.getLogger(__name__)
RUN = "napari-em-autoclass run"  # key in the metadata of the stack that the reader opened for a run
_TAKEN = "taken"
_AGAIN_MS, _MOST_TRIES = 200, 100
_UNKNOWN_NM = (1.0, 1.0, 1.0)
_Place = tuple[Image, tuple[int, ...]]  # a layer, and an index into its axes before the last three


class Reopener(QObject):
    """Opens runs in a dock, which it gives a line for interrupted runs, a menu, and an ear for drops."""

    def __init__(self, dock: AutoclassDock, viewer: Viewer) -> None:
        super().__init__(dock)
        self._dock, self._session = dock, dock.session
        self._viewer = viewer
        self._closed = False
        self._worker: TaskWorker | None = None
        self._waiting: OpenedRun | None = None  # for its stack
        self._learns_then = False
        menu, layout = dock.stack_panel.open_button.menu(), dock.layout()
        assert menu is not None  # the panel and the dock made them
        assert isinstance(layout, QVBoxLayout)
        self.offers = RunOffers(dock.session, menu)
        layout.insertWidget(1, self.offers)
        self.offers.wanted.connect(self.open)
        self.drops = DropTarget(dock)
        self.drops.dropped.connect(self.drop)
        self.run_drops = RunDrops(dock)
        self.run_drops.dropped.connect(self.open)
        self._session.volume_changed.connect(self._on_volume)
        self._viewer.layers.events.inserted.connect(self._on_inserted)
        for layer in list(self._viewer.layers):  # dropped before the dock was opened
            self._notice(layer)

    @property
    def is_opening(self) -> bool:
        """Whether a run is being read."""
        return self._worker is not None

    def open(self, path: str, learn: bool = False) -> None:
        """Open the run in a folder, and go on learning at once if `learn`; what is wrong with it is said."""
        if self._session.is_busy:
            self._session.said.emit("Stop the training first, then open the run.", True)
            return
        self._drop_worker()
        self._waiting, self._learns_then = None, learn
        self._session.said.emit(f"Opening the run {Path(path).name}: reading what was learned.", False)
        layers, candidates = self._candidates()
        self._start(partial(_read_and_find, Path(path), candidates), layers)

    def drop(self, path: str) -> None:
        """Take what was dropped on the dock: a run, or a stack."""
        if is_run(path):
            self.open(path)
        elif self._session.is_busy:
            self._session.said.emit("Stop the training first, then open another stack.", True)
        else:
            self._dock.open_path(path)

    def close_down(self) -> None:
        """Open nothing any more."""
        self._closed = True
        self._drop_worker()
        self.offers.close_down()
        self.run_drops.close_down()
        self._viewer.layers.events.inserted.disconnect(self._on_inserted)

    # --- reading, in a thread ----------------------------------------------------------------------------------------

    def _start(self, task: Any, layers: list[_Place]) -> None:
        self._worker = TaskWorker(lambda report: task(report))
        self._worker.returned.connect(lambda found: self._on_read(found, layers))
        self._worker.errored.connect(self._on_errored)
        self._worker.start()

    def _drop_worker(self) -> None:
        if self._worker is not None:
            self._worker.drop()
            self._worker = None

    def _on_errored(self, error: Exception) -> None:
        self._worker = None
        _log.error("the run could not be opened", exc_info=error)
        self._session.said.emit(sentence_for(error), True)

    def _on_read(self, read: tuple[OpenedRun, FoundStack] | None, layers: list[_Place]) -> None:
        self._worker = None
        if read is None or self._session.is_busy:
            return
        run, found = read
        layer, leading = layers[found.place] if found.place is not None else (None, ())
        try:
            if found.volume is not None:
                layer = add_volume(self._viewer, found.volume)
        except InputError as error:
            self._session.said.emit(str(error), True)
            return
        if layer is None or layer not in self._viewer.layers:
            self._waiting = run
            self._session.said.emit(_sentence(found.problem), True)
            return
        self._waiting = None
        self._take_up(run, layer, leading)

    # --- into the dock -----------------------------------------------------------------------------------------------

    def _take_up(self, run: OpenedRun, layer: Image, leading: tuple[int, ...]) -> None:
        dock, session = self._dock, self._session
        dock.decisions.save_now()
        dock.stack_panel.choose(layer, leading)
        if session.volume is None or session.volume.voxel_size_nm != run.volume.voxel_size_nm:
            # Typed for the user, to the last digit: the field shows three, and the run would not know its stack.
            field = dock.stack_panel.size_field
            field.setText(" ".join(repr(size).removesuffix(".0") for size in run.volume.voxel_size_nm))
            field.setModified(True)
            field.editingFinished.emit()
        dock.stack_panel.set_up.take(run.settings.region, run.settings.skip_sections)
        wishes = self._show_settings(run)
        dock.decisions.begin(run.history)
        dock.training_panel.curves.clear()
        session.take_up(run.path, wishes)
        for event in run.events:
            session.happened.emit(event)
        self._remove_what_the_reader_made(run, layer)
        again = "Learn more goes on with it" if wishes else "its recipe is not here: Learn begins anew"
        session.said.emit(f"The run {run.path.name} is open again, at step {run.progress.step}; {again}.", False)
        if self._learns_then and wishes is not None:
            dock.training_panel.learn_button.click()

    def _show_settings(self, run: OpenedRun) -> Wishes | None:
        """Show what the run was set to; return it as the panel has it, None if its recipe is not known here."""
        panel, settings = self._dock.training_panel, run.settings
        if panel.recipe_box.findData(settings.recipe) < 0:
            return None
        panel.effort.loaded.emit(settings)
        if run.seconds_left is not None:
            panel.minutes_box.setValue(math.ceil(run.seconds_left / 6) / 10)  # more digits would not fit
        return panel.wishes

    def _remove_what_the_reader_made(self, run: OpenedRun, used: Image) -> None:
        """Take away the picture that the live class map replaces, and the stack if it was there already."""
        for layer in list(self._viewer.layers):
            made = layer.metadata.get(RUN) or _run_of(layer)
            if layer is not used and made and Path(made) == run.path:
                self._viewer.layers.remove(layer)

    # --- the viewer --------------------------------------------------------------------------------------------------

    def _candidates(self) -> tuple[list[_Place], list[Candidate]]:
        """Return the stacks in the viewer: the one in use first, those that the reader opened for a run last."""
        chosen, volume = self._dock.stack_panel.layer, self._session.volume
        known = sorted(stack_layers(self._viewer), key=lambda layer: (layer is not chosen, RUN in layer.metadata))
        layers, candidates = list[_Place](), list[Candidate]()
        for layer in known:
            size = volume.voxel_size_nm if layer is chosen and volume is not None else voxel_size_of(layer)
            for leading in np.ndindex(shape_of(layer)[0]):
                where = leading_text(layer, leading)
                with suppress(InputError):  # no grey values
                    stack = volume_of(layer, size or _UNKNOWN_NM, leading, where)
                    candidates.append(Candidate(stack, size is not None, leading, where))
                    layers.append((layer, leading))
        return layers, candidates

    def _on_inserted(self, event: Any) -> None:
        self._notice(event.value)
        if self._waiting is not None and isinstance(event.value, Image):
            QTimer.singleShot(0, self._look_for_stack)

    def _on_volume(self, _: object) -> None:
        if self._waiting is not None:
            QTimer.singleShot(0, self._look_for_stack)

    def _notice(self, layer: Layer) -> None:
        """Open the run that `layer` is of, when all of its layers are there; a second dock leaves it to the first."""
        path = _run_of(layer)
        if path and not layer.metadata[OURS].get(_TAKEN):
            layer.metadata[OURS][_TAKEN] = True
            is_left = bool(layer.metadata[OURS].get(LEFT))
            QTimer.singleShot(0, partial(self._take_up_left if is_left else self._open_if_there, path))

    def _open_if_there(self, path: str) -> None:
        if not self._closed:
            self.open(path)

    def _take_up_left(self, path: str, tries: int = _MOST_TRIES) -> None:
        """Open the run of a dock that was closed, once its training has saved itself; if it learned anything."""
        if self._closed or self._session.is_busy:
            return
        if tries and writer_of(Path(path)) is not None:
            QTimer.singleShot(_AGAIN_MS, partial(self._take_up_left, path, tries - 1))
        elif (Path(path) / "weights.safetensors").is_file():
            self.open(path)

    def _look_for_stack(self) -> None:
        run = self._waiting
        if run is None or self._worker is not None or self._session.is_busy or self._closed:
            return
        layers, candidates = self._candidates()
        if any(candidate.volume.shape_zyx == run.volume.shape_zyx for candidate in candidates):
            self._start(partial(_find, run, candidates), layers)


def _read_and_find(path: Path, candidates: list[Candidate], report: Report) -> tuple[OpenedRun, FoundStack]:
    run = read_run(path)
    report(0.5)
    return run, find_stack(run, candidates)


def _find(run: OpenedRun, candidates: list[Candidate], report: Report) -> tuple[OpenedRun, FoundStack]:
    return run, find_stack(run, candidates)


def _run_of(layer: Layer) -> str:
    """Return the run folder of which the reader opened the class layer `layer`, else nothing."""
    ours = layer.metadata.get(OURS) if isinstance(layer, Labels) else None
    return str(ours.get("run_dir", "")) if isinstance(ours, dict) else ""


def _sentence(problem: str) -> str:
    return f"{problem[:1].upper()}{problem[1:]}."
