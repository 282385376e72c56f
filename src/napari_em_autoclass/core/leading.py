"""One process decides what the learners of all processes do next; the others follow.

The trainer, with its clock, its settings and its run folder, is in the leading process alone.  What it asks of its
learner is told to the others first, so that all do the same at the same time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch

from napari_em_autoclass.core.device import choose_device, processor_threads
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.learner import Learner, StepOut
from napari_em_autoclass.core.model import working_volume

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from napari_em_autoclass.core.device import Device
    from napari_em_autoclass.core.ranks import Ranks
    from napari_em_autoclass.core.reclustering import Reclustered
    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["LeadLearner", "dismiss", "follow", "open_learner"]

_MAKE: Final = "make"
_END: Final = "end"
# After these the weights are those of the leading process: k-means on another GPU may end elsewhere.
_AGREED_AFTER: Final = ("begin", "recluster")


class LeadLearner(Learner):
    """The learner of the leading process: what it is asked to do, those of the others do too."""

    def __init__(self, working: WorkingVolume | Sequence[WorkingVolume], settings: RunSettings, device: Device) -> None:
        super().__init__(working, settings, device)
        self._is_loading = False
        self._tell(_MAKE, settings)

    def begin(self, settings: RunSettings) -> None:
        """See `Learner.begin`."""
        self._tell("begin", settings)
        super().begin(settings)
        _agree(self)

    def recluster(
        self, settings: RunSettings, step: int, *, afresh: bool, is_wanted: Callable[[], bool] = lambda: True
    ) -> Reclustered:
        """See `Learner.recluster`; once the others were told to, it is done whether wanted or not."""
        self._tell("recluster", settings, step, afresh=afresh)
        result = super().recluster(settings, step, afresh=afresh)
        _agree(self)
        return result

    def start_refining(self, step: int) -> None:
        """See `Learner.start_refining`."""
        if not self._is_loading:  # the others do so in their `load_tensors` too
            self._tell("start_refining", step)
        super().start_refining(step)

    def step(self, settings: RunSettings, step: int, fraction: float) -> StepOut:
        """See `Learner.step`.

        Raises
        ------
        InputError
            If there are fewer tiles than processes, or the memory of a device is too short.
        """
        self._tell("step", settings, step, fraction)
        try:
            return super().step(settings, step, fraction)
        except torch.OutOfMemoryError as error:
            # The others are in the middle of a step that can't be finished without us: no halving here.
            raise InputError(
                "the memory of a device is too short for its share of the tiles; "
                "lower training.tiles_per_step, or start more processes"
            ) from error

    def load_tensors(self, tensors: dict[str, Tensor], *, has_classes: bool) -> None:
        """See `Learner.load_tensors`."""
        self._tell("load_tensors", tensors, has_classes=has_classes)
        self._is_loading = True
        super().load_tensors(tensors, has_classes=has_classes)
        self._is_loading = False

    def _tell(self, name: str, *arguments: Any, **options: Any) -> None:
        self.device.ranks.from_leader((name, arguments, options))


def open_learner(working: WorkingVolume | Sequence[WorkingVolume], settings: RunSettings, device: Device) -> Learner:
    """Return the learner of a trainer, which leads those of other processes if there are any; see `Learner`."""
    return (Learner if device.ranks.size == 1 else LeadLearner)(working, settings, device)


def follow(volume: Volume, settings: RunSettings) -> None:
    """Do what the leading process says until it dismisses us.

    Parameters
    ----------
    volume, settings : of the run, alike in all processes

    Raises
    ------
    InputError
        If the volume can't be learned from here.
    """
    device = choose_device(settings.device)
    torch.set_num_threads(processor_threads(settings.training.threads))
    working = working_volume(volume, settings)
    learned = working.part(settings.learned_box(volume.shape_zyx), settings.skip_sections)
    learner: Learner | None = None
    while True:
        name, arguments, options = device.ranks.from_leader(None)
        if name == _END:
            return
        if name == _MAKE:
            learner = Learner(learned, arguments[0], device)
            continue
        assert learner is not None, "one is made first"
        try:
            getattr(learner, name)(*arguments, **options)
        except (FloatingPointError, InputError):
            continue  # all processes have it, and the leading one says what happens then
        if name in _AGREED_AFTER:
            _agree(learner)


def dismiss(ranks: Ranks) -> None:
    """End `follow` in the other processes; called by the leading one, however its training ended."""
    ranks.from_leader((_END, (), {}))


def _agree(learner: Learner) -> None:
    weights = [tensor for module in learner.modules().values() for tensor in module.state_dict().values()]
    learner.device.ranks.agree([*weights, learner.usage])
