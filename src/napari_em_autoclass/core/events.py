"""What a trainer says: small frozen records that cross threads and processes.

Arrays in an event are copies that nobody writes again.  Every event names its run, so that whoever shows events can
drop those of an older run.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_em_autoclass.core.split import Split

__all__ = [
    "UNCLEAR",
    "CheckpointSaved",
    "ClassesRemade",
    "CutRequest",
    "CutTaken",
    "Event",
    "Notice",
    "QualityMeasured",
    "RunEnded",
    "RunStarted",
    "SettingsChanged",
    "SnapshotTaken",
    "Stage",
    "StepDone",
    "ViewRequest",
]

Stage = Literal["first sketch", "learning", "done"]

UNCLEAR = 0
"""Among the ids whose probabilities are wanted: how unclear a pixel is, its entropy over K classes by log K, 0 to 1."""


@dataclass(frozen=True, slots=True)
class ViewRequest:
    """The part of a section somebody looks at, in voxels of the volume, half-open.

    `prob_classes` are the ids whose probabilities are wanted; `serial` grows with each request, so that a late answer
    can be told from the newest; `splits` are to show in parts, as far as they fit the model that answers (a training,
    whose embedding moves, shows whole classes).
    """

    z: int
    y0: int
    y1: int
    x0: int
    x1: int
    prob_classes: tuple[int, ...] = ()
    serial: int = 0
    splits: tuple[Split, ...] = ()


@dataclass(frozen=True, slots=True)
class CutRequest:
    """A plane across the sections that somebody looks at: one row (XZ) or one column (YZ) of each, half-open.

    Either ``y1 == y0 + 1`` and the row is looked at, or ``x1 == x0 + 1`` and the column; the rest as in `ViewRequest`.
    """

    z0: int
    z1: int
    y0: int
    y1: int
    x0: int
    x1: int
    prob_classes: tuple[int, ...] = ()
    serial: int = 0
    splits: tuple[Split, ...] = ()

    @property
    def is_row(self) -> bool:
        """Whether a row of each section is looked at, not a column."""
        return self.y1 == self.y0 + 1


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins; what it runs on and at which scale."""

    run_id: str
    n_classes: int
    device: str
    device_reason: str
    voxel_size_nm: tuple[float, float, float]
    working_pixel_nm: tuple[float, float]
    shape_zyx: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class StepDone:
    """One optimiser update.

    `terms` are the unweighted values of the objective's terms by kind; `total` is their weighted sum; `usage` (K,) is
    the share of pixels per class, smoothed over steps; `skill` is how much better than copying its neighbours the
    predictor foretells a section (1 = perfect, 0 = no better), None until it is trained.
    """

    run_id: str
    step: int
    fraction: float
    elapsed_s: float
    terms: tuple[tuple[str, float], ...]
    total: float
    effective_classes: float
    usage: tuple[float, ...]
    skill: float | None = None

    def log_row(self) -> dict[str, object]:
        """Return what the run's log keeps of the step."""
        return {
            "step": self.step,
            "fraction": round(self.fraction, 6),
            "elapsed_s": round(self.elapsed_s, 3),
            "total": self.total,
            "terms": dict(self.terms),
            "effective_classes": self.effective_classes,
            "skill": self.skill,
        }


@dataclass(frozen=True, slots=True)
class SnapshotTaken:
    """The class map of the section in view, with the weights of now, on the volume's own voxel grid.

    `classes` (h, w) uint8 holds ids 1..K and of parts; `confidence` (h, w) uint8 is the top probability times 255;
    `probs` pairs a class id with its probability times 255, (h, w) uint8.  While the section is not complete yet,
    `known` are the frames (y0, y1, x0, x1; voxels of the section) that are; outside them all is 0.
    """

    run_id: str
    step: int
    stage: Stage
    view: ViewRequest
    classes: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    probs: tuple[tuple[int, NDArray[np.uint8]], ...] = ()
    known: tuple[tuple[int, int, int, int], ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether all of the view is answered."""
        return not self.known

    def parts(self) -> tuple[SnapshotTaken, ...]:
        """Return what is known of the view as complete snapshots, one for each frame."""
        return tuple(self._within(*frame) for frame in self.known) or (self,)

    def _within(self, y0: int, y1: int, x0: int, x1: int) -> SnapshotTaken:
        at = (slice(y0 - self.view.y0, y1 - self.view.y0), slice(x0 - self.view.x0, x1 - self.view.x0))
        return replace(
            self,
            view=replace(self.view, y0=y0, y1=y1, x0=x0, x1=x1),
            classes=self.classes[at],
            confidence=self.confidence[at],
            probs=tuple((i, prob[at]) for i, prob in self.probs),
            known=(),
        )


@dataclass(frozen=True, slots=True)
class CutTaken:
    """The class map of some sections of a cut, with the weights of now: the rest follows, coarse first, then fine.

    `sections` (n,) are those answered; `corner_yx` is where their strips begin, which may be thicker than asked for;
    `classes`, `confidence` and each of `probs` are (n, h, w) uint8, as in `SnapshotTaken`.  `is_complete` once all
    sections have been answered at least once.
    """

    run_id: str
    step: int
    stage: Stage
    view: CutRequest
    sections: tuple[int, ...]
    corner_yx: tuple[int, int]
    classes: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    probs: tuple[tuple[int, NDArray[np.uint8]], ...] = ()
    is_complete: bool = False


@dataclass(frozen=True, slots=True)
class ClassesRemade:
    """The classes were clustered anew and matched to the old ones by overlap.

    Ids are already permuted so that class i continues the old class it overlaps most; `kept` (K,) is the share of each
    class's pixels that it had before.
    """

    run_id: str
    step: int
    kept: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CheckpointSaved:
    """The run folder now holds everything up to `step`."""

    run_id: str
    step: int
    path: str


@dataclass(frozen=True, slots=True)
class QualityMeasured:
    """How well the class map explains what stands here and in the next section, without labels: `csev`, 0 to 1.

    See `scores.label_free.csev`: a fall by more than 0.03 means something, less does not.
    """

    run_id: str
    step: int
    csev: float


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """From `step` on the run has other settings: `changes` pairs a path (``terms.balance.weight``) with its value."""

    run_id: str
    step: int
    changes: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know while the run goes on, in one sentence.

    `tiles_per_step` is how many tiles the steps have from now on, where the memory was too short for more.
    """

    run_id: str
    message: str
    tiles_per_step: int | None = None


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The last event of a run."""

    run_id: str
    step: int
    reason: Literal["finished", "stopped", "collapsed", "diverged"]
    message: str = ""
    details: dict[str, Any] = field(default_factory=dict)


Event = (
    RunStarted
    | StepDone
    | SnapshotTaken
    | CutTaken
    | ClassesRemade
    | CheckpointSaved
    | QualityMeasured
    | SettingsChanged
    | Notice
    | RunEnded
)
