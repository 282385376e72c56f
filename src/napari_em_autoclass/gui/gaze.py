"""What is looked at, as one request with a number, so that an answer can be told from the one that overtook it."""

from __future__ import annotations

from dataclasses import replace

from napari_em_autoclass.core.events import CutRequest, CutTaken, SnapshotTaken, ViewRequest
from napari_em_autoclass.core.split import Split

__all__ = ["Gaze", "Seen", "View"]

View = ViewRequest | CutRequest
Seen = SnapshotTaken | CutTaken


class Gaze:
    """The section or cut in view, and the classes whose probabilities and parts are wanted of it."""

    def __init__(self) -> None:
        self.view: View | None = None
        self._prob_classes: tuple[int, ...] = ()
        self._splits: tuple[Split, ...] = ()
        self._serial = 0
        self._answered = -1

    @property
    def section(self) -> ViewRequest | None:
        """The section in view, None where a cut across them is, or nothing."""
        return self.view if isinstance(self.view, ViewRequest) else None

    def ask(self, class_ids: tuple[int, ...], splits: tuple[Split, ...]) -> bool:
        """Want the probabilities and parts of these from now on; return whether that is new."""
        is_new = (class_ids, splits) != (self._prob_classes, self._splits)
        self._prob_classes, self._splits = class_ids, splits
        return is_new

    def request(self, *, in_parts: bool) -> View | None:
        """Return what to ask for now, in parts or in whole classes; None before anything was looked at."""
        if self.view is not None:
            self._serial += 1
            splits = self._splits if in_parts else ()
            self.view = replace(self.view, prob_classes=self._prob_classes, serial=self._serial, splits=splits)
        return self.view

    def is_news(self, seen: Seen) -> bool:
        """Return whether an answer is not overtaken by that to a later request, and take note of it."""
        if seen.view.serial < self._answered:
            return False
        self._answered = seen.view.serial
        return True

    def forget_answers(self) -> None:
        """Begin anew, with another run."""
        self._answered = -1
