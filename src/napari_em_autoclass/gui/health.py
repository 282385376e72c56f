"""How the training is doing, as a light and a sentence."""

from __future__ import annotations

from dataclasses import dataclass

from napari_em_autoclass.core.events import Event, RunEnded, StepDone

__all__ = ["Health", "health_of"]


@dataclass(frozen=True, slots=True)
class Health:
    """`light` is "green", "amber" or "red"; `remedy` names the term kind whose weight should be raised, "" if none."""

    light: str
    sentence: str
    brief: str = ""
    remedy: str = ""


def health_of(event: Event, n_classes: int) -> Health | None:
    """Return what an event says about the health of a run, None if nothing."""
    if isinstance(event, StepDone):
        in_use = round(event.effective_classes)
        if event.effective_classes < n_classes / 2:
            sentence = f"Classes are dying ({in_use} of {n_classes}). Raise 'Use all the classes'."
            return Health("amber", sentence, f"{in_use} / {n_classes} classes", "balance")
        return Health("green", f"{in_use} of {n_classes} classes in use", f"{in_use} / {n_classes} classes")
    if isinstance(event, RunEnded) and event.reason == "collapsed":
        sentence = "Collapsed: nearly everything is one class. Stopped; the last good map is kept."
        return Health("red", sentence, remedy="balance")
    return None
