"""Pictures of what is looked at while a training goes on, as events: beside its steps, or between them."""

from __future__ import annotations

import weakref
from concurrent.futures import wait
from typing import TYPE_CHECKING, Protocol

from napari_em_autoclass.core.beside import one_thread
from napari_em_autoclass.core.clock import Timer
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import Notice
from napari_em_autoclass.core.pictures import Pictures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from napari_em_autoclass.core.events import CutRequest, CutTaken, Event, SnapshotTaken, Stage, ViewRequest
    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.tiling import Classifier
    from napari_em_autoclass.core.working import WorkingVolume

    Look = tuple[Classifier, tuple[str, int, Stage]]

__all__ = ["LivePictures", "Watched"]

_LOOK_EVERY_S = 0.03
# After a stop a picture that is being made has so long: a large section would take seconds.
_LAST_PICTURE_S = 0.5


class Watched(Protocol):
    """What pictures need to know of a training, each read anew whenever it matters."""

    run_id: str
    view: ViewRequest | CutRequest | None
    is_paused: bool

    @property
    def settings(self) -> RunSettings:
        """Settings of now."""

    @property
    def stopped_for_s(self) -> float:
        """Seconds since it was asked to end, 0 if it was not."""


class LivePictures:
    """Makes pictures of what is looked at.  A `Look` is a classifier, and of which run, step and stage it is.

    Parameters
    ----------
    training : whose view is answered
    working : the volume
    """

    def __init__(self, training: Watched, working: WorkingVolume) -> None:
        # No circle: a training that nobody holds lets go of its run folder at once.
        self._training: Watched = weakref.proxy(training)
        self._pictures = Pictures(working, training.settings.n_classes)
        self._trouble = ""

    def allow(self, share: float) -> None:
        """Let pictures take `share` of the time at most, 0 to 1."""
        self._pictures.share = share

    def due(self, look: Look) -> Iterator[SnapshotTaken | CutTaken | Notice]:
        """Yield what is due of a picture of what is looked at: nothing, a piece, or all of a section not known yet."""
        view = self._due_view(look)
        if view is not None:
            yield from self.of(view, look)

    def until(self, step: Future[list[Event]], look: Look, step_s: float = 0.0) -> Iterator[Event]:
        """Yield pictures, one piece after the other as they are due, until `step` is done.

        It is looked at least once, so that also beside the shortest steps a picture comes when it is due.

        Parameters
        ----------
        step : runs in another thread
        look : as from before it: with weights that the step leaves alone
        step_s : seconds that it will take, about, if that is known
        """
        is_first, is_done, since = True, False, Timer()
        while not is_done:
            view = None if self._training.stopped_for_s else self._due_view(look)
            if view is None or (not is_first and self._pictures.can_wait(view, step_s - since.seconds())):
                wait((step,), timeout=_LOOK_EVERY_S)
            else:
                with one_thread():
                    piece = list(self.of(view, look, is_whole=False))
                yield from piece
            is_first, is_done = False, step.done()

    def of(
        self, view: ViewRequest | CutRequest, look: Look, *, is_whole: bool = True
    ) -> Iterator[SnapshotTaken | CutTaken | Notice]:
        """Yield pieces of the map of `view`: all of a section that is not known yet, or one if it isn't to be whole.

        What can't be read is said once; of a training that was stopped, what takes too long is left out.
        """
        training = self._training
        try:
            yield from self._pictures.pieces(
                look[0],
                view,
                look[1],
                lambda: training.stopped_for_s < _LAST_PICTURE_S,
                lambda: is_whole and training.view in (None, view) and not training.stopped_for_s,
            )
        except InputError as error:  # a damaged chunk, or NaN: the rest can be learned from all the same
            if str(error) != self._trouble:
                self._trouble = str(error)
                yield Notice(training.run_id, f"There is no map of what is in view: {error}.")

    def _due_view(self, look: Look) -> ViewRequest | CutRequest | None:
        training, view = self._training, self._training.view
        every_s, stage = training.settings.training.snapshot_every_s, look[1][2]
        if view is None or not self._pictures.is_due(view, every_s, is_paused=training.is_paused, stage=stage):
            return None
        return view
