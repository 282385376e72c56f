"""How good the map is without labels, looked at now and then while a run goes on; and whether it collapses."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from napari_em_autoclass.core.choice import Judge
from napari_em_autoclass.core.events import QualityMeasured

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import nn

    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["CollapseWatch", "QualityWatch"]

_LEAST_WAIT_S: Final = 20.0
_SHARE: Final = 0.03  # of the run's time, at most
# Steps in a row with fewer than two classes in effect before a run is called collapsed.
_COLLAPSED_STEPS: Final = 50


class CollapseWatch:
    """Counts the steps after which nearly everything was one class.

    Parameters
    ----------
    n_classes : of the run
    """

    def __init__(self, n_classes: int) -> None:
        # Of two or three classes one may well be most of the tissue.
        self._least = min(2.0, 1 + (n_classes - 1) / 7)
        self._in_a_row = 0
        self._share_is_sound = True

    @property
    def is_under_way(self) -> bool:
        """Whether the last step was such a one."""
        return self._in_a_row > 0

    @property
    def is_final(self) -> bool:
        """Whether it has been so for too long."""
        return self._in_a_row >= _COLLAPSED_STEPS

    @property
    def may_save(self) -> bool:
        """Whether the network of now may replace the last one that was good."""
        return self._share_is_sound

    def see(self, effective: float, of_this_step: float) -> None:
        """Take up the classes in effect, smoothed over steps and of one step alone."""
        self._in_a_row = self._in_a_row + 1 if effective < self._least else 0
        self._share_is_sound = of_this_step >= self._least  # the smoothed usage would notice too late


class QualityWatch:
    """Measures the cross-slice explained variance of the classifier, on the patches that the final choice uses too.

    At most every 20 s, and so seldom that it takes less than 3 % of the time.  It draws no random numbers: a run is the
    same with it and without.

    Parameters
    ----------
    working : what is learned from, one volume or several
    context : sections on either side that the classifier may see
    """

    def __init__(self, working: WorkingVolume | Sequence[WorkingVolume], context: int = 0) -> None:
        self._working, self._context = working, context
        self._judge: Judge | None = None
        self._spent_s = 0.0
        self._began: float | None = None
        self._last = 0.0

    def events(self, run_id: str, step: int, classifier: nn.Module) -> Iterator[QualityMeasured]:
        """Yield what the classifier scores, if it is time to look.

        Yields
        ------
        QualityMeasured
            One or none.
        """
        now = time.monotonic()
        if self._began is None:  # the first sketch is just made
            self._began = self._last = now
        # The first look also reads the patches; what it will take can't be known.
        if now - self._last < _LEAST_WAIT_S or self._spent_s > _SHARE * (now - self._began):
            return
        self._judge = self._judge or Judge(self._working, self._context)
        score = self._judge.score(classifier.eval())
        self._last = time.monotonic()
        self._spent_s += self._last - now
        yield QualityMeasured(run_id, step, score)
