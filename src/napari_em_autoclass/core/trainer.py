"""The training of a run, as a generator of events.

``for event in Trainer(volume, settings).events(): ...`` is the whole interface: the command line, the tests, the dock
and a cluster node all consume it.  What may change while it runs is replaced whole by whoever holds the trainer, from
any thread, and read once per step: `Trainer.settings`, `Trainer.view`, `Trainer.is_paused`.
"""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import torch

from napari_em_autoclass.core.beside import Beside
from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.clock import Clock, Timer
from napari_em_autoclass.core.course import Course
from napari_em_autoclass.core.device import choose_device, processor_threads
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import (
    CutRequest,
    Event,
    RunEnded,
    RunStarted,
    SnapshotTaken,
    ViewRequest,
)
from napari_em_autoclass.core.further_volumes import FurtherVolumes, as_recorded
from napari_em_autoclass.core.leading import open_learner
from napari_em_autoclass.core.live_pictures import LivePictures
from napari_em_autoclass.core.model import Model, fingerprint, working_volume
from napari_em_autoclass.core.pictures import share_of_time
from napari_em_autoclass.core.quality_watch import QualityWatch
from napari_em_autoclass.core.run_end import ended
from napari_em_autoclass.core.run_keeper import RunKeeper
from napari_em_autoclass.core.run_settings import refuse_fixed_changes
from napari_em_autoclass.core.snapshot import middle_view
from napari_em_autoclass.core.working import WorkingVolume, bin_factors

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    from napari_em_autoclass.core.checkpoint import Progress
    from napari_em_autoclass.core.classifier import FilterClassifier, ForecastClassifier
    from napari_em_autoclass.core.events import Stage
    from napari_em_autoclass.core.further_volumes import Further
    from napari_em_autoclass.core.learner import Learner
    from napari_em_autoclass.core.run_end import Reason
    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.volume import Volume

__all__ = ["Trainer"]

_PAUSE_S = 0.03


class Trainer:
    """One run: train, or go on training, on a volume.

    Parameters
    ----------
    volume : what to learn from
    settings : of the run; on resuming, those of the run folder are better
    run_dir : where the run is kept; None keeps it in memory only
    resume : go on from the last checkpoint in `run_dir`
    also : further volumes to learn from

    Raises
    ------
    InputError
        If the volume is constant, holds NaN, is smaller than a tile or has fewer than three sections; if the device is
        not there; if `run_dir` holds a run already, or (on resuming) holds none, or one of another volume.
    """

    def __init__(
        self,
        volume: Volume,
        settings: RunSettings,
        *,
        run_dir: Path | None = None,
        resume: bool = False,
        also: Sequence[Further] = (),
    ) -> None:
        self.run_id = uuid.uuid4().hex[:12]
        self._settings = settings
        self.view: ViewRequest | CutRequest | None = None
        self.is_paused = False
        self.device = choose_device(settings.device)
        self._stop = False
        self._stopped_at = 0.0
        self._clock = Clock()
        if resume and run_dir is None:
            raise InputError("to resume, name the folder of the run")
        # Everything a user can get wrong is found here, before a folder is made.
        folder = RunFolder.open(run_dir) if resume and run_dir is not None else None
        if folder is None:
            self._working = working_volume(volume, settings)
        else:
            volume, also = as_recorded(folder, volume, also)
            factors = bin_factors(volume.voxel_size_nm, settings.working_pixel_nm)
            self._working = WorkingVolume(volume, folder.normalisation, factors)
        self._volume = volume
        self._pictures = LivePictures(self, self._working)
        self._beside: Beside | None = None
        learned = self._working.part(settings.learned_box(volume.shape_zyx), settings.skip_sections)
        self._further = FurtherVolumes.of(also, settings, folder)
        all_learned = (learned, *self._further.workings)
        new_learner = partial(open_learner, all_learned, device=self.device)
        learner = new_learner(settings)
        self._quality = QualityWatch(all_learned, settings.classifier.context)
        self._resumes = folder is not None
        if folder is not None:
            folder.take_lock()
        elif run_dir is not None:
            folder = RunFolder.create(run_dir, settings, volume, self._working.normalisation, self._further.records)
        self.folder = folder
        self._keeper = RunKeeper(self.run_id, folder, folder.settings if folder is not None else settings)
        self._course = Course(self.run_id, learner, again=new_learner, keeper=self._keeper, clock=self._clock)

    @property
    def settings(self) -> RunSettings:
        """Settings of the run; terms, views and training may be replaced, whole, while it goes on."""
        return self._settings

    @settings.setter
    def settings(self, settings: RunSettings) -> None:
        refuse_fixed_changes(self._settings, settings)
        self._settings = settings

    @property
    def model(self) -> Model:
        """What was learned by now, also by a run that collapsed; for use after the last event."""
        classifier, normalisation = self._course.learner.classifier.eval(), self._working.normalisation
        further = tuple((each.volume.fingerprint, each.normalisation) for each in self._further.records)
        of_volumes = (normalisation, fingerprint(self._volume))
        return Model(self.settings, classifier, self._course.progress.stage, *of_volumes, further=further)

    def stop(self) -> None:
        """Ask the training to end soon: a step under way is given up; the run stays usable."""
        self._stop, self._stopped_at = True, time.perf_counter()

    @property
    def stopped_for_s(self) -> float:
        """Seconds since `stop`, 0 without one."""
        return max(time.perf_counter() - self._stopped_at, 1e-9) if self._stop else 0.0

    def events(self) -> Generator[Event, None, None]:
        """Train, and say what happens; closing the generator saves the run and ends it.

        Yields
        ------
        Event
            `RunStarted` first and `RunEnded` last.
        """
        threads = torch.get_num_threads()
        try:
            yield self._started()
            n_threads = processor_threads(self.settings.training.threads)
            torch.set_num_threads(n_threads)
            if self.device.name == "cpu":
                # On a GPU steps are short, and two threads would only wait for each other: pictures come in between.
                self._beside = Beside(n_threads)
                self._pictures.allow(share_of_time(n_threads))
            yield from self._until_closed()
        finally:
            if self._beside is not None:
                self._beside.close()
            torch.set_num_threads(threads)
            self._keeper.close()

    # --- the run, in order -------------------------------------------------------------------------------------------

    def _started(self) -> RunStarted:
        who = (self.run_id, self.settings.n_classes, self.device.name, self.device.reason)
        return RunStarted(*who, self._volume.voxel_size_nm, self._working.pixel_nm, self._volume.shape_zyx)

    def _until_closed(self) -> Iterator[Event]:
        # Not from the first event on: networks that were neither taught nor loaded must not be saved over the run's.
        try:
            yield from self._begin()
            yield from self._train()
        except GeneratorExit:
            if self._course.may_save:
                self._keeper.save_now(*self._to_save())
            raise

    def _begin(self) -> Iterator[Event]:
        """Make the first sketch, or take up the run where it was saved."""
        state, said = self._keeper.take_up() if self._resumes else (None, [])
        yield from said
        if state is not None:
            self._clock.elapsed_s = state[1].elapsed_s
            used = self.settings.training.used(state[1].step, state[1].elapsed_s)
            self._course.go_on(state, has_budget=used < 1)
        else:  # a new run, or one that was killed before it had learned anything
            self._course.begin(self.settings)
        yield from self._pictures.of(self.view or middle_view(self._volume), self._look())
        yield from self._checkpoint()

    def _train(self) -> Iterator[Event]:
        saves = Timer()
        while not self._stop and self._fraction() < 1 and self.settings.terms:
            if self.is_paused:
                self._clock.pause()
                time.sleep(_PAUSE_S)
            else:
                self._clock.go_on()
                yield from self._advanced()
            if self._course.collapse.is_final:
                with suppress(OSError):
                    self._keeper.log.write()  # the curve that shows it
                yield self._ended("collapsed")
                return
            if self._course.has_diverged_again:
                yield from self._keeper.save_at_last(*self._to_save(), is_hurried=self._is_stopped)
                yield self._ended("diverged")
                return
            if self._beside is None or self.is_paused:
                yield from self._pictures.due(self._look())
            may_save = self._course.collapse.may_save and not self.is_paused
            if may_save and saves.is_due(self.settings.training.checkpoint_every_s):
                yield from self._checkpoint()
                saves.restart()
        if not self._stop:
            yield from self._course.settle(self.settings)
        yield from self._measured()
        if self._course.may_save:
            yield from self._keeper.save_at_last(*self._to_save(), is_hurried=self._is_stopped)
        section = self.view if isinstance(self.view, ViewRequest) else middle_view(self._volume)
        last: Event | None = None
        for last in self._pictures.of(section, self._look()):
            yield last
        if self.folder is not None and isinstance(last, SnapshotTaken) and last.is_complete:
            with suppress(OSError):  # only a picture
                self.folder.save_snapshot(last.view, last.classes)
        yield self._ended("stopped" if self._stop else "finished")

    def _advanced(self) -> Iterator[Event]:
        """Do a step, and while it runs yield pictures with the weights of before it, where that is of use."""
        do = partial(self._course.advance, self.settings, min(self._fraction(), 1.0), self._is_wanted)
        if self._beside is None or self.view is None:
            yield from do()
            return
        classifier, of_run = self._look()
        look = (self._beside.copied(classifier), of_run)
        step = self._beside.start(do)
        try:
            yield from self._pictures.until(step, look, self._beside.step_s)
        finally:
            # Also when closed: a step that is half done must not be saved, and its error comes before all else.
            said = step.result()
        yield from said

    # --- pictures, saving --------------------------------------------------------------------------------------------

    def _look(self) -> tuple[FilterClassifier | ForecastClassifier, tuple[str, int, Stage]]:
        """Return what gives pixels their classes now, and of which run, step and stage that is."""
        progress = self._course.progress
        return self._course.learner.classifier.eval(), (self.run_id, progress.step, progress.stage)

    def _checkpoint(self) -> Iterator[Event]:
        yield from self._measured()
        if self._course.may_save:
            yield from self._keeper.save(*self._to_save())

    def _measured(self) -> Iterator[Event]:
        if not self._stop:  # it would take a second or two
            step, classifier = self._course.progress.step, self._course.learner.classifier
            for measured in self._quality.events(self.run_id, step, classifier):
                self._keeper.log.note(measured)
                yield measured

    def _to_save(self) -> tuple[Learner, Progress, RunSettings]:
        return self._course.learner, self._course.progress, self.settings

    def _is_wanted(self) -> bool:
        return not self._stop

    def _is_stopped(self) -> bool:
        return self._stop

    def _ended(self, reason: Reason) -> RunEnded:
        return ended(self.run_id, self._course.progress.step, reason)

    def _fraction(self) -> float:
        """Return how much of the budget is used, 0 to 1."""
        return self.settings.training.used(self._course.progress.step, self._clock.elapsed())
