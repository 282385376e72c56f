"""The last event of a run: why it ended, in a sentence for whoever started it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from napari_em_autoclass.core.events import RunEnded

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Reason", "ended"]

Reason = Literal["finished", "stopped", "collapsed", "diverged"]

_SENTENCES: Final[Mapping[Reason, str]] = {
    "finished": "Done.",
    "stopped": "Stopped; the run can be resumed.",
    "collapsed": "Collapsed: nearly everything is one class. Stopped; the last good map is kept. "
    "Raise 'Use all the classes' and start again.",
    "diverged": "The loss diverged again. Stopped; what was learned up to step {step} is kept. "
    "Lower the learning rate, or the weights of the terms, and start again.",
}


def ended(run_id: str, step: int, reason: Reason) -> RunEnded:
    """Return the event with which a run of `step` steps ends."""
    return RunEnded(run_id, step, reason, _SENTENCES[reason].format(step=step))
