"""The training of a run, as a generator of events.

``for event in Trainer(volume, settings).events(): ...`` is the whole interface: the command line, the tests, the dock
and a cluster node all consume it.  What may change while it runs is replaced whole by whoever holds the trainer, from
any thread, and read once per step: `Trainer.settings`, `Trainer.view`, `Trainer.is_paused`.
"""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_em_autoclass.core.checkpoint import Progress, RunFolder
from napari_em_autoclass.core.clock import Clock, Timer
from napari_em_autoclass.core.device import choose_device, processor_threads
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import (
    CheckpointSaved,
    ClassesRemade,
    CutRequest,
    CutTaken,
    Event,
    Notice,
    RunEnded,
    RunStarted,
    SnapshotTaken,
    StepDone,
    ViewRequest,
)
from napari_em_autoclass.core.leading import open_learner
from napari_em_autoclass.core.learner import StepOut
from napari_em_autoclass.core.model import Model, fingerprint, working_volume
from napari_em_autoclass.core.pictures import Pictures
from napari_em_autoclass.core.quality_watch import CollapseWatch, QualityWatch
from napari_em_autoclass.core.run_log import RunLog
from napari_em_autoclass.core.run_settings import refuse_fixed_changes
from napari_em_autoclass.core.scores.label_free import effective_classes
from napari_em_autoclass.core.snapshot import middle_view
from napari_em_autoclass.core.tile_limit import TileLimit
from napari_em_autoclass.core.working import WorkingVolume, bin_factors

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.volume import Volume

__all__ = ["Trainer"]

_PAUSE_S = 0.03
# After a stop a picture that is being made has so long: a large section would take seconds.
_LAST_PICTURE_S = 0.5


class Trainer:
    """One run: train, or go on training, on a volume.

    Parameters
    ----------
    volume : what to learn from
    settings : of the run; on resuming, those of the run folder are better
    run_dir : where the run is kept; None keeps it in memory only
    resume : go on from the last checkpoint in `run_dir`

    Raises
    ------
    InputError
        If the volume is constant, holds NaN, is smaller than a tile or has fewer than three sections; if the device is
        not there; if `run_dir` holds a run already, or (on resuming) holds none, or one of another volume.
    """

    def __init__(
        self, volume: Volume, settings: RunSettings, *, run_dir: Path | None = None, resume: bool = False
    ) -> None:
        self.run_id = uuid.uuid4().hex[:12]
        self._settings = settings
        self.view: ViewRequest | CutRequest | None = None
        self.is_paused = False
        self.device = choose_device(settings.device)
        self._volume = volume
        self._stop = False
        self._stopped_at = 0.0
        self._progress = Progress()
        self._clock = Clock()
        self._tile_limit = TileLimit(self.device)
        if resume and run_dir is None:
            raise InputError("to resume, name the folder of the run")
        # Everything a user can get wrong is found here, before a folder is made.
        folder = RunFolder.open(run_dir) if resume and run_dir is not None else None
        if folder is not None and folder.volume.fingerprint != fingerprint(volume):
            raise InputError(f"{run_dir} was trained on another volume ({folder.volume.name}); resume with that one")
        if folder is None:
            self._working = working_volume(volume, settings)
        else:
            factors = bin_factors(volume.voxel_size_nm, settings.working_pixel_nm)
            self._working = WorkingVolume(volume, folder.normalisation, factors)
        self._pictures = Pictures(self._working, settings.n_classes)
        learned = self._working.part(settings.learned_box(volume.shape_zyx), settings.skip_sections)
        self._learner = open_learner(learned, settings, self.device)
        self._collapse = CollapseWatch(settings.n_classes)
        self._quality = QualityWatch(learned, settings.classifier.context)
        self._resumes = folder is not None
        if folder is None and run_dir is not None:
            folder = RunFolder.create(run_dir, settings, volume, self._working.normalisation)
        self.folder = folder
        self._log = RunLog(folder, folder.settings if folder is not None else settings)

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
        classifier, normalisation = self._learner.classifier.eval(), self._working.normalisation
        return Model(self.settings, classifier, self._progress.stage, normalisation, fingerprint(self._volume))

    def stop(self) -> None:
        """Ask the training to end after the current step; the run stays usable."""
        self._stop, self._stopped_at = True, time.perf_counter()

    def events(self) -> Generator[Event, None, None]:
        """Train, and say what happens; closing the generator saves the run and ends it.

        Yields
        ------
        Event
            `RunStarted` first and `RunEnded` last.
        """
        # Outside: whoever closes here must not save networks that were neither taught nor loaded over those of the run.
        yield self._started()
        threads = torch.get_num_threads()
        torch.set_num_threads(processor_threads(self.settings.training.threads))
        try:
            yield from self._begin()
            yield from self._train()
        except GeneratorExit:
            self._save()
            raise
        finally:
            torch.set_num_threads(threads)

    # --- the run, in order -------------------------------------------------------------------------------------------

    def _started(self) -> RunStarted:
        who = (self.run_id, self.settings.n_classes, self.device.name, self.device.reason)
        return RunStarted(*who, self._volume.voxel_size_nm, self._working.pixel_nm, self._volume.shape_zyx)

    def _begin(self) -> Iterator[Event]:
        """Make the first sketch, or take up the run where it was saved."""
        if self._resumes and self.folder is not None:
            tensors, self._progress = self.folder.load_weights()
            self._learner.load_tensors(tensors, has_classes=self._progress.has_classes)
            self.folder.cut_log(self._progress.step)
            self._clock.elapsed_s = self._progress.elapsed_s
            if self._fraction() < 1 and (self._progress.has_classes or self._learner.teacher is not None):
                # It may have been done, and the budget has grown: a network left for the filters gets another try.
                self._learner.has_classes = True
                self._progress = self._progress.replace(stage="learning", has_classes=True)
        else:
            self._learner.begin(self.settings)
        yield from self._picture(self.view or middle_view(self._volume))
        yield from self._checkpoint()

    def _train(self) -> Iterator[Event]:
        saves = Timer()
        while not self._stop and self._fraction() < 1 and self.settings.terms:
            if self.is_paused:
                self._clock.pause()
                time.sleep(_PAUSE_S)
            else:
                self._clock.go_on()
                yield from self._advance()
            if self._collapse.is_final:
                self._log.write()  # the curve that shows it
                yield self._ended("collapsed")
                return
            view, every_s = self.view, self.settings.training.snapshot_every_s
            if view is not None and self._pictures.is_due(view, every_s, is_paused=self.is_paused):
                yield from self._picture(view)
            may_save = self._collapse.may_save and not self.is_paused
            if may_save and saves.is_due(self.settings.training.checkpoint_every_s):
                yield from self._checkpoint()
                saves.restart()
        if not self._stop:
            yield from self._settled()
        yield from self._checkpoint()
        section = self.view if isinstance(self.view, ViewRequest) else middle_view(self._volume)
        last: Event | None = None
        for last in self._picture(section):
            yield last
        if self.folder is not None and isinstance(last, SnapshotTaken) and last.is_complete:
            self.folder.save_snapshot(last.view, last.classes)
        yield self._ended("stopped" if self._stop else "finished")

    def _settled(self) -> Iterator[Event]:
        """Choose, without labels, the classifier to keep."""
        learner = self._learner
        if self._progress.step and learner.teacher is None:  # the recipe never refines: its features are done
            yield self._reclustered(afresh=True)
        kept = "network" if self._progress.has_classes else "filters"
        if kept == "network" and self.settings.training.keep_best:
            kept = learner.choose()
        self._progress = self._progress.replace(stage="done", has_classes=learner.has_classes)
        if self.settings.terms and kept != "network":
            yield Notice(self.run_id, f"The classes of the {kept} explain the stack clearly better, and were kept.")

    def _advance(self) -> Iterator[Event]:
        """Do one step, and before it whatever the schedule wants done at this step."""
        settings, step, fraction = self.settings, self._progress.step, min(self._fraction(), 1.0)
        learner, said = self._learner, list[Event]()
        is_refining = learner.teacher is not None
        try:
            if not is_refining and fraction >= settings.training.refine_from:
                said.append(self._reclustered(afresh=True))
                learner.start_refining(step)
            elif not is_refining and step and step % settings.training.recluster_steps == 0:
                said.append(self._reclustered(afresh=False))
            out = learner.step(self._tile_limit.within(settings), step, fraction)
            self._progress = self._progress.replace(step=step + 1, elapsed_s=self._clock.elapsed())
            said += self._log.add(self._step_done(out, fraction), settings)
        except torch.OutOfMemoryError:
            learner.optimiser.zero_grad(set_to_none=True)
            said.append(Notice(self.run_id, self._tile_limit.halve(self.settings), self._tile_limit.most))
        # Said only now: whoever closes at one of these events must not leave half a step to be resumed.
        yield from said

    def _reclustered(self, *, afresh: bool) -> ClassesRemade:
        result = self._learner.recluster(self.settings, self._progress.step, afresh=afresh)
        self._progress = self._progress.replace(stage="learning", has_classes=True)
        return ClassesRemade(self.run_id, self._progress.step, result.kept)

    def _step_done(self, out: StepOut, fraction: float) -> StepDone:
        effective = effective_classes(np.array(out.usage))
        self._collapse.see(effective, effective_classes(np.array(out.share)))
        when = (self._progress.step, fraction, self._progress.elapsed_s)
        return StepDone(self.run_id, *when, tuple(out.terms.items()), out.total, effective, out.usage, out.skill)

    # --- memory, pictures, saving ------------------------------------------------------------------------------------

    def _picture(self, view: ViewRequest | CutRequest) -> Iterator[SnapshotTaken | CutTaken]:
        """Yield pieces of the map of a view; nothing if that took too long for a run that was stopped."""
        of_run = (self.run_id, self._progress.step, self._progress.stage)
        classifier = self._learner.classifier.eval()
        yield from self._pictures.pieces(
            classifier, view, of_run, self._has_time, lambda: self.view in (None, view) and not self._stop
        )

    def _has_time(self) -> bool:
        return not self._stop or time.perf_counter() < self._stopped_at + _LAST_PICTURE_S

    def _checkpoint(self) -> Iterator[Event]:
        if not self._stop:  # it would take a second or two
            for measured in self._quality.events(self.run_id, self._progress.step, self._learner.classifier):
                self._log.note(measured)
                yield measured
        if self._save() and self.folder is not None:
            yield CheckpointSaved(self.run_id, self._progress.step, str(self.folder.path))

    def _save(self) -> bool:
        """Store the run; return whether there is a folder to store it in."""
        if self.folder is None or self._collapse.is_under_way:  # a collapsed network must not replace the last good one
            return False
        if not len(self._log) and self._progress.step and self._progress.stage != "done":
            return False
        if self.folder.settings != self.settings:
            self.folder.save_settings(self.settings)
        # The log first: rows beyond the weights are cut off on resuming, missing rows could not be made up.
        self._log.write()
        self.folder.save_weights(self._learner.tensors(), self._progress)
        return True

    def _ended(self, reason: str) -> RunEnded:
        message = {
            "finished": "Done.",
            "stopped": "Stopped; the run can be resumed.",
            "collapsed": "Collapsed: nearly everything is one class. Stopped; the last good map is kept. "
            "Raise 'Use all the classes' and start again.",
        }[reason]
        return RunEnded(self.run_id, self._progress.step, reason, message)  # type: ignore[arg-type]

    def _fraction(self) -> float:
        """Return how much of the budget is used, 0 to 1."""
        return self.settings.training.used(self._progress.step, self._clock.elapsed())
