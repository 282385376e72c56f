"""One stack, one run at a time: what the panels ask for and hear from."""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import CutTaken, Event, Notice, RunEnded, RunStarted, SnapshotTaken, ViewRequest
from napari_em_autoclass.core.place import HERE
from napari_em_autoclass.core.split import Split
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.gaze import Gaze, Seen, View
from napari_em_autoclass.gui.previewer import Previewer
from napari_em_autoclass.gui.run_place import mark_cut_off, new_run_dir
from napari_em_autoclass.gui.sentences import END_SENTENCES, sentence_for
from napari_em_autoclass.gui.wishes import RunOrder, Wishes, open_classify, open_trainer
from napari_em_autoclass.gui.worker import Run, TrainingWorker

__all__ = ["RunState", "Session", "sentence_for"]

_log = logging.getLogger(__name__)


class RunState(Enum):
    """What the training is doing."""

    IDLE = "idle"
    STARTING = "starting"
    LEARNING = "learning"
    PAUSED = "paused"
    STOPPING = "stopping"
    COMPARING = "comparing"


class Session(QObject):
    """Owns the trainer.  Panels call its methods and listen to its signals; it knows neither panels nor layers.

    Parameters
    ----------
    open_run : opens a trainer, called in the worker thread; tests pass their own
    open_view : gives the function that classifies a view with a finished run
    """

    volume_changed = Signal(object)  # Volume | None
    state_changed = Signal(object)  # RunState
    happened = Signal(object)  # Event of the present run
    said = Signal(str, bool)  # one sentence, whether it is an error

    def __init__(
        self,
        open_run: Callable[[RunOrder], Run] = open_trainer,
        open_view: Callable[[Path, Volume], Callable[[View], Seen]] = open_classify,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._open_run, self._open_view = open_run, open_view
        self._volume: Volume | None = None
        self._learned: Volume | None = None  # what the training under way learns from
        self._state = RunState.IDLE
        self.running: list[TrainingWorker] = []  # outlives the Qt side, for whoever must end them when that is gone
        self._worker: TrainingWorker | None = None
        self._run: Run | None = None
        self._previewer: Previewer | None = None
        self._run_dir: Path | None = None
        self._wishes: Wishes | None = None
        # Set where the stack is set up: the part to learn from, and what to skip (None: not looked for yet).
        self.region: str | None = None
        self.skip_sections: tuple[int, ...] | None = None
        self.is_resumed = False  # whether the present run goes on with an older one
        self.place = HERE  # where the next training computes
        self._gaze = Gaze()
        self._why, self._has_ended = "", False  # how the present run ends, and whether it has
        self._stop_comparing: Callable[[], object] = lambda: None

    @property
    def volume(self) -> Volume | None:
        """The stack to learn from."""
        return self._volume

    @property
    def state(self) -> RunState:
        """What the training is doing."""
        return self._state

    @property
    def run_dir(self) -> Path | None:
        """The folder of the present or last run of this stack, None before the first."""
        return self._run_dir

    @property
    def view(self) -> ViewRequest | None:
        """The section that is looked at, None where a cut across the sections is, or nothing."""
        return self._gaze.section

    @property
    def is_busy(self) -> bool:
        """Whether a training, or a comparison, is under way."""
        return self._state is not RunState.IDLE

    def use(self, volume: Volume | None) -> None:
        """Take another stack; a training that is under way ends first."""
        if volume is self._volume:
            return
        self.stop()
        self._forget_run()
        self._volume, self._gaze.view = volume, None
        self.volume_changed.emit(volume)

    def start(self, wishes: Wishes, run_dir: Path | None = None) -> None:
        """Begin to learn, in `run_dir` or a new folder, or go on with the last run; not if busy or without a stack."""
        if self._volume is None or self.is_busy:
            return
        self.is_resumed = bool(self.place.follows) or (run_dir is None and self.can_go_on(wishes))
        run_dir = self._run_dir if run_dir is None and self.is_resumed else run_dir
        self._forget_run()
        self._run_dir = run_dir or new_run_dir(self._volume.name)
        self._wishes, self._why, self._has_ended = wishes, "", False
        mark_cut_off(self._run_dir, False)
        self._learned = self._volume
        order = RunOrder(self._volume, wishes, self._run_dir, self.is_resumed, self.place)
        self._worker = TrainingWorker(partial(self._open_run, order))
        self._worker.opened.connect(self._on_opened)
        self._worker.event.connect(self._on_event)
        self._worker.errored.connect(self._on_errored)
        self._worker.warned.connect(lambda shown: _log.warning("%s", shown[0]))
        self._worker.finished.connect(self._on_finished)
        self._turn(RunState.STARTING)
        self.said.emit("Starting: reading the stack and making a first sketch of the classes.", False)
        self.running[:] = [self._worker]
        self._worker.start()

    def take_up(self, run_dir: Path, wishes: Wishes | None) -> None:
        """Open a run of this stack again: views are answered from it, and the next start goes on with it.

        `wishes` are what the panels show for this run; None lets the next start begin anew.
        """
        if self._volume is None or self.is_busy:
            return
        self._forget_run()
        self._run_dir, self._wishes, self.is_resumed = run_dir, wishes, True
        self._answer_from_run()
        self.state_changed.emit(self._state)  # what can be done now has changed

    def move(self, volume: Volume) -> bool:
        """Look at another time point of the stack; return whether the classes of the last run are shown on it."""
        run_dir = self._run_dir if self._has_weights() else None
        self.use(volume)
        if run_dir is not None:
            self.take_up(run_dir, None)
        return run_dir is not None

    def can_go_on(self, wishes: Wishes) -> bool:
        """Return whether the next start would go on with the last run: same stack, recipe, classes and settings."""
        last = self._wishes
        if last is None or not self._has_weights() or wishes.seconds is None:
            return False
        return last.same_run(wishes)

    def pause(self, paused: bool) -> None:
        """Let the training rest, or go on; views are answered all the same."""
        if self._run is not None and self._state in (RunState.LEARNING, RunState.PAUSED):
            self._run.is_paused = paused
            self._turn(RunState.PAUSED if paused else RunState.LEARNING)
            self.said.emit("Paused. Scrolling still updates the map." if paused else "Learning goes on.", False)

    def lend(self, stop: Callable[[], object]) -> bool:
        """Let a comparison have stack and processor until `take_back`; return False while a training is under way.

        `stop` is called when the user, or another stack, wants it to end.
        """
        if self.is_busy:
            return False
        self._stop_comparing = stop
        self._turn(RunState.COMPARING)
        return True

    def take_back(self) -> None:
        """Say that the comparison has ended."""
        self._stop_comparing = lambda: None
        if self._state is RunState.COMPARING:
            self._turn(RunState.IDLE)

    def stop(self, why: str = "") -> None:
        """End the training after this step; what was learned is kept.  `why` is said in place of the usual words."""
        if not self.is_busy:
            return
        if self._state is RunState.COMPARING:
            self._stop_comparing()
            return
        self._why = why
        self._turn(RunState.STOPPING)
        if self._run is not None:
            self._run.stop()
        elif self._worker is not None:
            self._worker.quit()  # not open yet

    def close(self) -> None:
        """End everything and say nothing more; the worker saves a checkpoint in its own time."""
        learns = self._state in (RunState.STARTING, RunState.LEARNING, RunState.PAUSED) and not self._has_ended
        if learns and not self.place.keeps_going:
            mark_cut_off(self._run_dir, True)
        if self._worker is not None:
            for signal in (self._worker.opened, self._worker.event, self._worker.errored, self._worker.finished):
                signal.disconnect()
            # `finished` also tells superqt to let go of the worker, by another signal that stays connected.
            self._worker.quit()
        self._forget_run()
        self._worker = self._run = None
        self._state = RunState.IDLE

    def alter(self, change: Callable[[Any], Any]) -> None:
        """Change the settings of a training that is under way, from its next step on."""
        if self._run is not None:
            try:
                self._run.settings = change(self._run.settings)
            except InputError as error:
                self.said.emit(str(error), True)

    def look(self, view: View) -> None:
        """Ask for the class map of what is in view."""
        self._gaze.view = view
        self._request()

    def ask_probabilities(self, class_ids: tuple[int, ...], splits: tuple[Split, ...] = ()) -> None:
        """Ask for the probabilities of these classes too, and for these in parts, from now on."""
        if self._gaze.ask(class_ids, splits):
            self._request()

    def _request(self) -> None:
        view = self._gaze.request(in_parts=self._run is None)
        if view is None:
            return
        if self._run is not None:
            self._run.view = view
        elif self._previewer is not None:
            self._previewer.ask(view)

    def _has_weights(self) -> bool:
        return self._run_dir is not None and (self._run_dir / "weights.safetensors").exists()

    def _turn(self, state: RunState) -> None:
        if state is not self._state:
            self._state = state
            self.state_changed.emit(state)

    def _forget_run(self) -> None:
        if self._previewer is not None:
            self._previewer.close()
        self._previewer = self._run_dir = self._wishes = None
        self._gaze.forget_answers()

    def _on_opened(self, run: Run) -> None:
        self._run = run
        run.view = self._gaze.view
        if self._state is RunState.STOPPING:
            run.stop()

    def _on_event(self, event: Event) -> None:
        if self._run is None or event.run_id != self._run.run_id or self._learned is not self._volume:
            return
        if isinstance(event, SnapshotTaken | CutTaken) and not self._gaze.is_news(event):
            return
        if isinstance(event, RunStarted) and self._state is RunState.STARTING:
            self._turn(RunState.LEARNING)
        if isinstance(event, Notice):
            self.said.emit(event.message, False)
        if isinstance(event, RunEnded):
            self.said.emit(self._why or END_SENTENCES[event.reason], event.reason in ("collapsed", "diverged"))
            self._why, self._has_ended = "", True
        self.happened.emit(event)

    def _on_previewed(self, seen: Seen) -> None:
        if self._gaze.is_news(seen):
            self.happened.emit(seen)

    def _on_errored(self, error: Exception) -> None:
        _log.error("learning failed", exc_info=error)
        self.said.emit(sentence_for(error), True)

    def _on_finished(self) -> None:
        self._worker = self._run = None
        self.running.clear()
        self._answer_from_run()
        self._turn(RunState.IDLE)

    def _answer_from_run(self) -> None:
        if self._volume is not None and self._run_dir is not None and self._has_weights():
            self._previewer = Previewer(self._open_view(self._run_dir, self._volume), self)
            self._previewer.answered.connect(self._on_previewed)
            self._previewer.failed.connect(self._on_errored)
            self._request()  # loads what was learned, so that the next section comes at once
