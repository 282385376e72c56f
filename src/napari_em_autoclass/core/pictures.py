"""Pictures of what somebody looks at: when the next one is due, and how it is made.

Sections and cuts across them come in pieces that take a fraction of a second each, so that neither the training, nor a
stop, nor the next view waits for a large one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_em_autoclass.core.clock import Timer
from napari_em_autoclass.core.cut import CutPainter
from napari_em_autoclass.core.device import processor_threads
from napari_em_autoclass.core.errors import Abandoned, InputError
from napari_em_autoclass.core.events import CutRequest, CutTaken, SnapshotTaken, ViewRequest
from napari_em_autoclass.core.section_painter import SectionPainter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_em_autoclass.core.events import Stage
    from napari_em_autoclass.core.tiling import Classifier
    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["Pictures", "share_of_time"]

# Of the time, at most, however large the section.  Where steps leave a processor free, pictures have that to
# themselves and to the viewer; where they don't, each picture is a delay of the training.
_SHARE, _SHARE_BESIDE = 0.2, 0.6
_PIECE_S = 0.25  # of what is not known yet, at one go
_FRESH_PIECE_S = 0.08  # of what is


class Pictures:
    """Makes the pictures of one volume, and remembers what they cost and what was shown last.

    Parameters
    ----------
    working : the volume
    n_classes : K

    Attributes
    ----------
    share : of the time that they may take
    """

    def __init__(self, working: WorkingVolume, n_classes: int) -> None:
        self._working, self._n_classes = working, n_classes
        self.share = _SHARE
        self._since = Timer()  # the last one was begun
        self._took_s = 0.0
        self._shown: ViewRequest | CutRequest | None = None
        self._cut: CutPainter | None = None
        self._section: SectionPainter | None = None
        self._stage: Stage | None = None

    @property
    def is_hurried(self) -> bool:
        """Whether a section is partly blank, or partly of classes that are no more: the rest comes before all else."""
        return self._section is not None and self._section.is_hurried

    def is_due(
        self, view: ViewRequest | CutRequest, every_s: float, *, is_paused: bool, stage: Stage = "learning"
    ) -> bool:
        """Return whether a picture of `view` should be made now: at once of a new one, later on with newer weights.

        Parameters
        ----------
        every_s : least time from the beginning of one to that of the next of the same
        is_paused : nothing is learned, so only what is not complete yet goes on
        stage : of now; the classes of the first sketch stay as they are, so one that is complete is no longer painted
        """
        if view != self._shown or self.is_hurried:
            return True
        if stage == self._stage == "first sketch" and (self._cut is None or self._cut.is_complete):
            return False
        wait_s = self._took_s / self.share
        if self._cut is not None and not self._cut.is_complete:
            return is_paused or self._since.is_due(wait_s)
        return not is_paused and self._since.is_due(max(every_s, wait_s))

    def can_wait(self, view: ViewRequest | CutRequest, left_s: float) -> bool:
        """Return whether a picture should rather be made after a step that ends in `left_s`, which it would hold up.

        Half a picture's time is what it is held up at most then.  Unheeded, steps of 0.6 s and pictures of 0.25 s fall
        into a beat in which a quarter of the time is lost.
        """
        return view == self._shown and not self.is_hurried and 0 < left_s < self._took_s / 2

    def take(
        self,
        classifier: Classifier,
        view: ViewRequest | CutRequest,
        of_run: tuple[str, int, Stage],
        is_wanted: Callable[[], bool] | None = None,
    ) -> SnapshotTaken | CutTaken:
        """Return the next piece of the map of a section, in all that is known of it, or of that of a cut.

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
        self._since.restart()
        self._shown = view
        if isinstance(view, ViewRequest):
            event: SnapshotTaken | CutTaken = self._of_section(classifier, view, of_run, is_wanted)
        else:
            event = self._of_cut(classifier, view, of_run)
        self._took_s = self._since.seconds()
        return event

    def pieces(
        self,
        classifier: Classifier,
        view: ViewRequest | CutRequest,
        of_run: tuple[str, int, Stage],
        is_wanted: Callable[[], bool],
        is_looked_at: Callable[[], bool],
    ) -> Iterator[SnapshotTaken | CutTaken]:
        """Yield pieces of the map as `take` does: one, or as many as a section needs that is not known yet.

        Parameters
        ----------
        classifier, view, of_run, is_wanted : as for `take`
        is_looked_at : asked between two pieces; the rest is left out if something else is looked at by then

        Raises
        ------
        InputError
            If the file can't be read there.
        """
        try:
            yield self.take(classifier, view, of_run, is_wanted)
            while self.is_hurried and is_looked_at():
                yield self.take(classifier, view, of_run, is_wanted)
        except Abandoned:
            return
        except InputError:
            self._section = None  # not hurried any more: it is tried again when the next picture is due
            self._since.restart()
            raise

    def _of_section(
        self,
        classifier: Classifier,
        view: ViewRequest,
        of_run: tuple[str, int, Stage],
        is_wanted: Callable[[], bool] | None,
    ) -> SnapshotTaken:
        self._cut = None
        if self._section is None or not self._section.take_up(view):
            self._section = SectionPainter(self._working, self._n_classes, view)
        elif of_run[2] != self._stage:
            self._section.hurry()  # the classes are others now
        self._stage = of_run[2]
        budget_s = _PIECE_S if self.is_hurried else _FRESH_PIECE_S
        found, painter = self._section.paint(classifier, budget_s, is_wanted), self._section
        return SnapshotTaken(*of_run, view, *found, known=() if painter.is_complete else painter.frames)

    def _of_cut(self, classifier: Classifier, view: CutRequest, of_run: tuple[str, int, Stage]) -> CutTaken:
        self._section = None
        if self._cut is None or not self._cut.take_up(view):
            self._cut = CutPainter(self._working, self._n_classes, view)
        self._stage = of_run[2]
        cut = self._cut.paint(classifier, _PIECE_S)
        at = (view, cut.sections, cut.corner_yx)
        return CutTaken(*of_run, *at, cut.classes, cut.confidence, cut.probs, self._cut.is_complete)


def share_of_time(n_threads: int) -> float:
    """Return which share of the time pictures may take beside steps that compute with `n_threads`."""
    return _SHARE_BESIDE if n_threads < processor_threads(None) else _SHARE
