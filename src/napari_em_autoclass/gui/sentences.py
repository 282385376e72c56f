"""What a run's end and an error are called, in one sentence."""

from __future__ import annotations

from napari_em_autoclass.core.errors import InputError

__all__ = ["END_SENTENCES", "sentence_for"]

END_SENTENCES = {
    "finished": "Done. Name and merge classes, or classify the whole volume.",
    "stopped": "Stopped. What was learned is kept.",
    "diverged": "The loss diverged twice. The last good map is kept; lower the learning rate or the weights.",
    "collapsed": "Collapsed: nearly everything is one class. The last good map is kept; raise 'Use all the classes'.",
}


def sentence_for(error: Exception) -> str:
    """Return one sentence for the user; the traceback is for the log."""
    if isinstance(error, InputError):
        return str(error)
    first = next(iter(str(error).strip().splitlines()), "") or "no details"
    return f"Stopped by an error ({type(error).__name__}: {first[:160]}). Details are in the log."
