"""Looks over the stack in the background when a run has ended, and at one voxel when asked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.events import ViewRequest
from napari_em_autoclass.core.split import Split
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.decisions import Decisions
from napari_em_autoclass.gui.session import RunState, Session, sentence_for
from napari_em_autoclass.gui.worker import Report, TaskWorker

if TYPE_CHECKING:
    from napari_em_autoclass.core.class_survey import Survey

__all__ = ["Surveyor", "probabilities_at", "survey_of_run"]

_KEPT = 4  # surveys: with their patches, a megabyte each at most

Splits = tuple[Split, ...]
Look = Callable[[Path, Volume, Splits, Report], "Survey"]
Ask = Callable[[Path, Volume, Splits, tuple[int, int, int], Report], dict[int, float]]


def survey_of_run(run_dir: Path, volume: Volume, splits: Splits, report: Report) -> Survey:
    """Return statistics and exemplars of the classes of a run, as last saved; slow, for another thread.

    Raises
    ------
    InputError
        If the run or the stack can't be read.
    """
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.class_survey import survey

    return survey(RunFolder.open(run_dir).model(), volume, splits, report)


def probabilities_at(
    run_dir: Path, volume: Volume, splits: Splits, place: tuple[int, int, int], report: Report
) -> dict[int, float]:
    """Return the probability of each id at a voxel (z, y, x), as last saved; a class that is split counts in its parts.

    Raises
    ------
    InputError
        If the run or the stack can't be read.
    """
    from napari_em_autoclass.core.checkpoint import RunFolder

    model = RunFolder.open(run_dir).model()
    report(0.5)
    fitting = tuple(split for split in splits if split.made_with == model.weights)
    whole = {split.class_id for split in fitting}
    ids = (*range(1, model.settings.n_classes + 1), *(i for split in fitting for i in split.ids))
    z, y, x = place
    view = ViewRequest(z, y, y + 1, x, x + 1, tuple(i for i in ids if i not in whole), splits=fitting)
    return {i: float(prob[0, 0]) / 255 for i, prob in model.classify(model.working(volume), view).probs}


class Surveyor(QObject):
    """Surveys when a run has ended and when splits have changed since; one task at a time, the newest counts."""

    surveyed = Signal(object)  # Survey
    told = Signal(object)  # probabilities by id, of the voxel asked for last

    def __init__(
        self,
        session: Session,
        decisions: Decisions,
        look: Look = survey_of_run,
        ask: Ask = probabilities_at,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._decisions, self._look, self._ask = session, decisions, look, ask
        self._looking: TaskWorker | None = None
        self._asking: TaskWorker | None = None
        self._seen: tuple[Path, Splits] | None = None
        self._known: dict[tuple[Path, Splits], Survey] = {}  # since the last training, oldest first
        session.state_changed.connect(self._on_state)
        decisions.changed.connect(self._on_decided)

    @property
    def is_looking(self) -> bool:
        """Whether a survey is under way."""
        return self._looking is not None

    def ask(self, place: tuple[int, int, int]) -> None:
        """Ask for the probabilities at a voxel, from the last checkpoint; an older question is dropped."""
        run_dir, volume = self._session.run_dir, self._session.volume
        if run_dir is None or volume is None or not (run_dir / "weights.safetensors").exists():
            return
        _drop(self._asking)
        self._asking = TaskWorker(partial(self._ask, run_dir, volume, self._splits(), place))
        self._asking.returned.connect(self._on_told)
        self._asking.errored.connect(self._on_errored)
        self._asking.start()

    def close_down(self) -> None:
        """Look at nothing any more."""
        _drop(self._looking)
        _drop(self._asking)
        self._looking = self._asking = None

    def _splits(self) -> Splits:
        class_map = self._decisions.class_map
        return tuple(split.bare() for split in class_map.splits) if class_map else ()

    def _on_state(self, state: RunState) -> None:
        if state is RunState.IDLE:
            self._begin()
        elif self._looking is not None:
            _drop(self._looking)
            self._looking = None
        if state is RunState.STARTING:
            self._seen = None
            self._known.clear()

    def _on_decided(self, _: ClassMap) -> None:
        if self._seen is not None:
            self._begin()

    def _begin(self) -> None:
        run_dir, volume = self._session.run_dir, self._session.volume
        if run_dir is None or volume is None or self._session.is_busy:
            return
        wanted = (run_dir, self._splits())
        if wanted == self._seen or not (run_dir / "weights.safetensors").exists():
            return
        _drop(self._looking)
        self._looking, self._seen = None, wanted
        if wanted in self._known:  # a split was undone, or made again: the processor is free for something else
            self.surveyed.emit(self._known[wanted])
            return
        self._looking = TaskWorker(partial(self._look, run_dir, volume, wanted[1]))
        self._looking.returned.connect(self._on_surveyed)
        self._looking.errored.connect(self._on_errored)
        self._looking.start()

    def _on_surveyed(self, survey: Survey | None) -> None:
        self._looking = None
        if survey is not None and self._seen is not None:
            self._known[self._seen] = survey
            for oldest in list(self._known)[:-_KEPT]:
                del self._known[oldest]
            self.surveyed.emit(survey)

    def _on_told(self, probs: dict[int, float] | None) -> None:
        self._asking = None
        if probs is not None:
            self.told.emit(probs)

    def _on_errored(self, error: Exception) -> None:
        self._session.said.emit(sentence_for(error), True)


def _drop(worker: TaskWorker | None) -> None:
    if worker is not None:
        worker.drop()
