"""Pictures of what somebody looks at: when the next one is due, and how it is made.

A section is classified whole.  A cut across the sections comes in pieces that take a fraction of a second each, so
that neither the training nor the next view waits for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_em_autoclass.core.clock import Timer
from napari_em_autoclass.core.cut import CutPainter
from napari_em_autoclass.core.events import CutRequest, CutTaken, SnapshotTaken, ViewRequest
from napari_em_autoclass.core.snapshot import classify_view

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_em_autoclass.core.events import Stage
    from napari_em_autoclass.core.tiling import Classifier
    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["Pictures"]

# Pictures of what is in view take a fifth of the time at most, however large the section.
_WAIT_PER_PICTURE = 4
_PIECE_S = 0.25  # of a cut, at one go


class Pictures:
    """Makes the pictures of one volume, and remembers what they cost and what was shown last.

    Parameters
    ----------
    working : the volume
    n_classes : K
    """

    def __init__(self, working: WorkingVolume, n_classes: int) -> None:
        self._working, self._n_classes = working, n_classes
        self._since = Timer()
        self._took_s = 0.0
        self._shown: ViewRequest | CutRequest | None = None
        self._cut: CutPainter | None = None

    def is_due(self, view: ViewRequest | CutRequest, every_s: float, *, is_paused: bool) -> bool:
        """Return whether a picture of `view` should be made now: at once of a new one, later on with newer weights.

        Parameters
        ----------
        every_s : least time between two pictures of the same
        is_paused : nothing is learned, so only what is not complete yet goes on
        """
        if view != self._shown:
            return True
        wait_s = _WAIT_PER_PICTURE * self._took_s
        if self._cut is not None and not self._cut.is_complete:
            return is_paused or self._since.is_due(wait_s)
        return not is_paused and self._since.is_due(max(every_s, wait_s))

    def take(
        self,
        classifier: Classifier,
        view: ViewRequest | CutRequest,
        of_run: tuple[str, int, Stage],
        is_wanted: Callable[[], bool] | None = None,
    ) -> SnapshotTaken | CutTaken:
        """Return the map of a section, or the next piece of that of a cut.

        Parameters
        ----------
        classifier : in evaluation mode, with the weights of now
        view : what to show
        of_run : id, step and stage, for the event
        is_wanted : asked now and then while a section is classified

        Raises
        ------
        Abandoned
            If `is_wanted` says no.
        InputError
            If the file can't be read there.
        """
        timer = Timer()
        self._shown = view
        if isinstance(view, ViewRequest):
            self._cut = None
            found = classify_view(classifier, self._working, self._n_classes, view, is_wanted)
            event: SnapshotTaken | CutTaken = SnapshotTaken(*of_run, view, *found)
        else:
            if self._cut is None or not self._cut.take_up(view):
                self._cut = CutPainter(self._working, self._n_classes, view)
            cut = self._cut.paint(classifier, _PIECE_S)
            at = (view, cut.sections, cut.corner_yx)
            event = CutTaken(*of_run, *at, cut.classes, cut.confidence, cut.probs, self._cut.is_complete)
        self._took_s = timer.seconds()
        self._since.restart()
        return event
