"""How the training is doing: a light, one sentence, and a remedy where there is one."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from statistics import median
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_em_autoclass.core.events import (
    Event,
    Notice,
    RunEnded,
    RunStarted,
    SettingsChanged,
    SnapshotTaken,
    StepDone,
)

__all__ = ["Health", "HealthWatch", "Remedy"]

_IN_A_ROW = 3  # steps; fewer are chance
_TREATED_STEPS = 40  # so long a remedy is given time to work
_NEARLY_ALL = 0.8
_FIRST_STEPS, _GROWN = 20, 3.0
_SKILLS = 30  # steps whose skill is looked at
_SETTLED_S, _SETTLED_STEPS, _SETTLED_SHARE = 20.0, 20, 0.005
_ALMOST_DONE = 0.95
_PICTURE_PX = 256  # of a large section every nth pixel is enough


@dataclass(frozen=True, slots=True)
class Remedy:
    """What a button does.

    `action` "raise" or "lower" doubles or halves the weight of the aim that serves the first of `kinds` there is;
    "slower" halves the learning rate; "shift" doubles the shift of sections that is allowed for; "tiles" sets the tiles
    per step to `number`; "stop" ends the training.
    """

    action: Literal["raise", "lower", "slower", "shift", "tiles", "stop"]
    label: str
    about: str
    kinds: tuple[str, ...] = ()
    number: int = 0


RAISE = Remedy("raise", "Raise it", "Doubles the weight of 'Use all the classes'", ("balance",))
# For recipes without such a term: agreement is what makes everything one class.
LOWER = Remedy(
    "lower",
    "Ask for less agreement",
    "Halves the weight of 'Neighbours must foretell this section': when everything is one class, all agree",
    ("neighbour_information", "prediction", "forecast", "latent_section"),
)
RELY_LESS = Remedy(
    "lower", "Rely less on them", "Halves the weight of 'Neighbours must foretell this section'", LOWER.kinds
)
SLOWER = Remedy("slower", "Learn half as fast", "Halves the learning rate (More settings, Training)")
SHIFT = Remedy(
    "shift",
    "Allow larger shifts",
    "Doubles how far sections may be shifted against each other (More settings, Tiles); then press Learn",
)
STOP = Remedy("stop", "Stop here", "Ends the training; what was learned is kept, and you can learn more later")


@dataclass(frozen=True, slots=True)
class Health:
    """`light` is "green", "amber" or "red"; `sentence` is shown beside the remedy, `brief` in the top line."""

    light: Literal["green", "amber", "red"]
    sentence: str
    brief: str = ""
    remedy: Remedy | None = None


class HealthWatch:
    """Follows the events of a run.  `kinds` are the terms that have a weight; whoever knows them sets them."""

    def __init__(self) -> None:
        self.kinds: Collection[str] = ("balance",)
        self._n_classes = 0
        self._begin()

    def _begin(self) -> None:
        self._in_a_row: dict[str, int] = {}
        self._treated: dict[str, int] = {}  # step of the last remedy by its action
        self._objective: tuple[str, ...] = ()
        self._first: list[float] = []  # the first totals of this objective
        self._skills: deque[float] = deque(maxlen=_SKILLS)
        self._step, self._elapsed_s = 0, 0.0
        self._place: tuple[object, ...] = ()
        self._pictures: deque[tuple[float, int, NDArray[np.uint8]]] = deque()
        self._changed: float | None = None  # share of the pixels, since so long ago that it means something
        self._memory: Health | None = None
        self._brief = ""

    def treat(self, remedy: Remedy) -> None:
        """Say that a remedy was applied: it gets some time before it is proposed again."""
        self._treated[remedy.action] = self._step
        if remedy.action == "tiles":
            self._memory = None

    def see(self, event: Event) -> Health | None:
        """Return what an event says about the health of a run, None if nothing."""
        if isinstance(event, RunStarted):
            self._n_classes = event.n_classes
            self._begin()
        elif isinstance(event, SettingsChanged):
            self._first, self._in_a_row["grows"] = [], 0
        elif isinstance(event, SnapshotTaken):
            self._see_picture(event)
        elif isinstance(event, Notice) and event.tiles_per_step is not None:
            self._memory = _memory_was_short(event)
            return self._memory
        elif isinstance(event, StepDone):
            return self._after_step(event)
        elif isinstance(event, RunEnded):
            return self._after_end(event)
        return None

    # --- what is known -----------------------------------------------------------------------------------------------

    def _see_picture(self, taken: SnapshotTaken) -> None:
        """Hold the map against the one of half a minute ago."""
        view = taken.view
        place = (view.z, view.y0, view.y1, view.x0, view.x1, taken.stage)
        if place != self._place:
            self._place, self._changed = place, None
            self._pictures.clear()
        thinned = [slice(None, None, max(1, size // _PICTURE_PX)) for size in taken.classes.shape]
        classes = taken.classes[tuple(thinned)].copy()
        self._pictures.append((self._elapsed_s, self._step, classes))
        while len(self._pictures) > 1 and self._is_old(1):
            self._pictures.popleft()
        if self._is_old(0) and taken.stage == "learning":
            self._changed = float(np.mean(self._pictures[0][2] != classes))

    def _is_old(self, index: int) -> bool:
        elapsed_s, step, _ = self._pictures[index]
        return self._elapsed_s - elapsed_s >= _SETTLED_S and self._step - step >= _SETTLED_STEPS

    def _after_step(self, done: StepDone) -> Health:
        self._step, self._elapsed_s = done.step, done.elapsed_s
        if done.skill is not None:
            self._skills.append(done.skill)
        in_use = round(done.effective_classes)
        self._brief = f"{in_use} / {self._n_classes} classes"
        for health in self._problems(done, in_use):
            return health
        if self._memory is not None:
            return self._memory
        sentence = f"{in_use} of {self._n_classes} classes in use"
        if self._has_settled(done):
            # Green all the same: nothing is wrong.
            return Health("green", "Settled: the map hardly changes any more. You may stop.", self._brief, STOP)
        return Health("green", sentence, self._brief)

    def _problems(self, done: StepDone, in_use: int) -> list[Health]:
        """Return what is wrong, the worst first."""
        found = []
        help_classes = RAISE if "balance" in self.kinds else LOWER
        largest = max(done.usage, default=0.0)
        what = "Raise 'Use all the classes'." if help_classes is RAISE else "Ask for less agreement."
        # Of two or three classes one may well be most of the tissue.
        if self._lasts("one class", self._n_classes > 3 and largest > _NEARLY_ALL):
            sentence = f"One class takes {100 * largest:.0f} % of the picture. {what}"
            found.append(Health("red", sentence, self._brief, help_classes))
        if self._lasts("grows", self._grows(done)):
            found.append(Health("amber", "The loss grows instead of falling.", self._brief, SLOWER))
        if self._lasts("dying", done.effective_classes < self._n_classes / 2):
            sentence = f"Classes are dying ({in_use} of {self._n_classes}). {what}"
            found.append(Health("amber", sentence, self._brief, help_classes))
        if len(self._skills) == _SKILLS and median(self._skills) < 0:
            sentence = "Neighbouring sections foretell nothing here: they may be shifted."
            found.append(Health("amber", sentence, self._brief, RELY_LESS))
        return [health for health in found if not self._is_treated(health.remedy)]

    def _lasts(self, name: str, now: bool) -> bool:
        self._in_a_row[name] = self._in_a_row.get(name, 0) + 1 if now else 0
        return self._in_a_row[name] >= _IN_A_ROW

    def _is_treated(self, remedy: Remedy | None) -> bool:
        return remedy is not None and self._step - self._treated.get(remedy.action, -_TREATED_STEPS) < _TREATED_STEPS

    def _grows(self, done: StepDone) -> bool:
        """Return whether the loss is a multiple of what it was at the beginning of the same objective."""
        kinds = tuple(kind for kind, _ in done.terms)
        if kinds != self._objective:
            self._objective, self._first = kinds, []
        if len(self._first) < _FIRST_STEPS:
            self._first.append(abs(done.total))
            return False
        return done.total > _GROWN * max(*self._first, 1.0)

    def _has_settled(self, done: StepDone) -> bool:
        """Return whether the map stays as it is, although all terms are at work and there is time left."""
        if self._changed is None or done.fraction >= _ALMOST_DONE or not set(self.kinds) <= {k for k, _ in done.terms}:
            return False
        return self._changed < _SETTLED_SHARE

    def _after_end(self, event: RunEnded) -> Health | None:
        help_classes = RAISE if "balance" in self.kinds else LOWER
        reason: str = event.reason
        if reason == "collapsed":
            sentence = "Collapsed: nearly everything is one class. Stopped; the last good map is kept."
            return Health("red", sentence, remedy=help_classes)
        if reason == "diverged":
            sentence = "The learning went astray: the loss grew beyond measure. Stopped; the last good map is kept."
            return Health("red", sentence, remedy=SLOWER)
        if len(self._skills) == _SKILLS and median(self._skills) < 0:
            sentence = "Neighbouring sections foretold nothing: they may be shifted more than is allowed for."
            return Health("amber", sentence, self._brief, SHIFT)
        # What was proposed in the meantime is of no use any more.
        return Health("green", "Done", self._brief) if self._brief else None


def _memory_was_short(notice: Notice) -> Health:
    n = notice.tiles_per_step or 1
    keep = Remedy(
        "tiles",
        f"Keep {n}",
        f"Sets the tiles per step to {n} (More settings, Training), for the next run too",
        number=n,
    )
    tiles = f"{n} tile{'s' if n > 1 else ''}"
    return Health(
        "amber", f"The GPU's memory was short: a step has {tiles} now, and learns a little slower.", remedy=keep
    )
