"""What is learned, and one step of learning: networks, optimiser, and the way from tiles to a loss.

The learner knows nothing of time, files or events; all randomness comes from the seed and the step number, so a step
can be repeated.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn

from napari_em_autoclass.core.batching import FROM_CLASS_MAPS, FROM_NEIGHBOURS, BatchMaker
from napari_em_autoclass.core.choice import choose
from napari_em_autoclass.core.classifier import FilterClassifier, ForecastClassifier
from napari_em_autoclass.core.edge_smoothing import smoothing_steps_px
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.losses import LossTerm, Part, Sizes, TrainState, objective
from napari_em_autoclass.core.mean_teacher import MeanTeacher
from napari_em_autoclass.core.model import empty_classifiers, load_weights
from napari_em_autoclass.core.predictor import make_predictor
from napari_em_autoclass.core.reclustering import Reclustered, recluster, set_at_random
from napari_em_autoclass.core.state_tensors import named_tensors, optimiser_state
from napari_em_autoclass.core.teaching import Teacher
from napari_em_autoclass.core.tile_source import TileSource
from napari_em_autoclass.core.warm_start import warm_start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Set

    from napari_em_autoclass.core.device import Device
    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["Learner", "StepOut"]

_M = TypeVar("_M", bound=nn.Module)

_WARM_UP_STEPS = 20
_RECLUSTER_TILES = 20
_FINAL_TILES = 32


@dataclass(frozen=True)
class StepOut:
    """Unweighted terms, their weighted total, usage (K,), and the predictor's skill if it was used.

    `usage` is smoothed over steps, `share` is of this step alone.
    """

    terms: dict[str, float]
    total: float
    usage: tuple[float, ...]
    share: tuple[float, ...]
    skill: float | None


class Learner:
    """The networks of a run and how they learn.

    Parameters
    ----------
    working : the volume, or several; sizes are those of the first
    settings : of the run; `step` takes the current ones, the sizes are those of the beginning
    device : where to compute

    Raises
    ------
    InputError
        If a volume has fewer than three sections, or a section is smaller than a tile.
    """

    def __init__(self, working: WorkingVolume | Sequence[WorkingVolume], settings: RunSettings, device: Device) -> None:
        self.workings = tuple(working) if isinstance(working, Sequence) else (working,)
        working, self.device = self.workings[0], device
        self.tiles = TileSource(*self.workings, settings=settings)
        torch.manual_seed(settings.seed)  # the initial weights; everything later has generators of its own
        empty = empty_classifiers(settings, working.volume.voxel_size_nm, working.shape_zyx[0])
        self.sketch = _as(FilterClassifier, empty["sketch"])
        self.textons = _as(FilterClassifier, empty["textons"])
        self.student = _as(ForecastClassifier, empty["student"]).to(device.name)
        n_neighbours = len(self.tiles.neighbours)
        self.predictor = make_predictor(settings.predictor, settings.n_classes, n_neighbours).to(device.name)
        self.teacher: Teacher | None = None
        self.mean_teacher: MeanTeacher | None = None
        self.term_networks = nn.ModuleDict()
        spacing_nm = (working.volume.voxel_size_nm[0], sum(working.pixel_nm) / 2)
        self.device.ranks.synced(self.student)
        self._batches = BatchMaker(self.student, self.predictor, self.tiles.offsets, spacing_nm, device)
        self._smoothing_px = smoothing_steps_px(settings.classifier.smoothing_nm, sum(working.pixel_nm) / 2)
        self.has_classes = False
        self.usage = torch.full((settings.n_classes,), 1 / settings.n_classes)
        self._share = self.usage
        self.optimiser = torch.optim.AdamW(self._parameters(), settings.training.learning_rate)
        self._prepare(settings, settings.terms)

    @property
    def classifier(self) -> FilterClassifier | ForecastClassifier:
        """What gives pixels their classes now: the filters until the network has classes of its own."""
        return self.student if self.has_classes else self.sketch

    def begin(self, settings: RunSettings) -> None:
        """Make the first sketch and the textons."""
        sketch, textons = warm_start(self.workings, settings)
        self.sketch, self.textons = sketch.to(self.device.name), textons.to(self.device.name)
        self.student.take_filters(self.textons)
        self.tiles.open(self.textons)

    def recluster(
        self, settings: RunSettings, step: int, *, afresh: bool, is_wanted: Callable[[], bool] = lambda: True
    ) -> Reclustered:
        """Make the classes anew from the features of now; see `reclustering.recluster`.

        Afresh, in a recipe that forms its classes by training alone, they are random: they mean nothing yet.
        """
        self.student.eval()
        rng = np.random.default_rng((settings.seed, 5, step))
        n_tiles = _FINAL_TILES if afresh else _RECLUSTER_TILES
        triples = [t.to(self.device.name) for t in self.tiles.triples(settings, step, n_tiles, rng)]
        if afresh and settings.training.first_classes == "random":
            result = set_at_random(self.student, triples, settings.seed)
        else:
            smoothing_px = self._smoothing_px if afresh else None
            result = recluster(self.student, self.classifier, triples, settings.seed, smoothing_px, is_wanted=is_wanted)
        self.has_classes = True
        self.usage = self._share = torch.tensor(result.usage)
        if self.mean_teacher is not None:
            self.mean_teacher.take(self.student, "head", "mean", "scale")
        return result

    def start_refining(self, step: int) -> None:
        """Freeze a copy of the network as the teacher that holds the classes in place."""
        frozen = copy.deepcopy(self.student).eval().requires_grad_(False)
        self.teacher = Teacher(frozen, step, self.tiles.offsets[0], self._smoothing_px, self.device)

    def choose(self) -> str:
        """Keep the classifier that explains the volume best without labels; return its name, "network" as a rule.

        "network before refining" and "filters" are the others; see `choice`.
        """
        made: dict[str, nn.Module] = {"network": self.student.eval()}
        if self.teacher is not None:
            made["network before refining"] = self.teacher.network
        kept = choose(self.workings, made, {"filters": self.sketch})
        if kept == "network before refining":
            self.student.load_state_dict(made[kept].state_dict())
        self.has_classes = kept != "filters"
        return kept

    def step(self, settings: RunSettings, step: int, fraction: float) -> StepOut:
        """Do one optimiser update and return what it cost.

        Until the update nothing has changed but buffers of the networks, see `abandonable`.

        Raises
        ------
        FloatingPointError
            If the loss is not finite.
        """
        self.student.train()
        self.predictor.train()
        rng = np.random.default_rng((settings.seed, 3, step))
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        terms = tuple(term for term in settings.terms if term.is_active(fraction))
        if terms != self._prepared:
            self._prepare(settings, terms)
        class_maps = self._class_maps(settings, step, _parts(terms))
        if class_maps == []:  # the teacher is still at its first region
            terms, class_maps = tuple(term for term in terms if "logits" not in term.parts()), None
        parts = _parts(terms)
        n_tiles = settings.training.tiles_per_step
        reads_itself = class_maps is None and bool(parts & FROM_CLASS_MAPS)  # and so classifies two neighbours too
        if not parts <= {"forecasts"}:
            n_tiles = max(1, n_tiles // (3 if reads_itself else 2))
        self.device.ranks.require(n_tiles)
        # The regions of the beginning of the refinement stay, as long as their class maps are of use.
        at = step if class_maps is None or self.teacher is None else self.teacher.since
        neighbours = reads_itself or bool(parts & FROM_NEIGHBOURS)
        drawn = self.tiles.draw(settings, at, n_tiles, rng, with_neighbours=neighbours, class_maps=class_maps)
        made = self._batches.make(drawn, settings, parts, self.mean_teacher, generator)
        usage, share = (self.usage, self._share) if made.labels is None else self._used(made.labels)
        state = TrainState(step, fraction, usage, settings.seed, dict(self.term_networks.items()))
        out = objective(terms, made.batch, state)
        total = float(out.total.detach())
        if not math.isfinite(total):
            raise FloatingPointError(
                f"the loss is not finite at step {step}; lower the learning rate or the weights of the terms"
            )
        self._update(out.total, settings, step, fraction)
        self.usage, self._share = usage, share
        if self.mean_teacher is not None:
            self.mean_teacher.follow(self.student, settings.training.teacher_momentum)
        return StepOut(out.parts, total, tuple(usage.tolist()), tuple(share.tolist()), made.skill)

    def _update(self, total: Tensor, settings: RunSettings, step: int, fraction: float) -> None:
        training = settings.training
        # Linear warm-up, then half a cosine to 2 %: the last steps still move, in case the budget is extended.
        decay = 0.02 + 0.98 * (1 + math.cos(math.pi * min(fraction, 1.0))) / 2
        for group in self.optimiser.param_groups:
            group["lr"] = training.learning_rate * min(1.0, (step + 1) / _WARM_UP_STEPS) * decay
            group["weight_decay"] = training.weight_decay
        self.optimiser.zero_grad(set_to_none=True)
        if total.requires_grad:
            total.backward()  # type: ignore[no-untyped-call]
            self.device.ranks.average_gradients(self._parameters())
            nn.utils.clip_grad_norm_([p for group in self.optimiser.param_groups for p in group["params"]], 5.0)
            self.optimiser.step()

    # --- what the terms need -----------------------------------------------------------------------------------------

    def _prepare(self, settings: RunSettings, terms: tuple[LossTerm, ...]) -> None:
        """Make the mean teacher and the terms' own networks, as far as `terms` need them and they aren't there."""
        if self.mean_teacher is None and _parts(terms) & {"teacher", "teacher_neighbour"}:
            self.mean_teacher = MeanTeacher(self.student)
        wanted = [term for term in terms if term.weight > 0 and term.kind not in self.term_networks]
        sizes = Sizes(settings.n_classes, settings.classifier.n_features, len(self.tiles.neighbours))
        made = {}
        for term in wanted:
            # A seed of its own: the weights are the same whenever the term is switched on.
            torch.manual_seed(settings.seed + crc32(term.kind.encode()))
            network = term.network(sizes)
            if network is not None:
                made[term.kind] = network.to(self.device.name)
        if made:
            self.term_networks = nn.ModuleDict(dict(sorted({**self.term_networks, **made}.items())))
            moments = self.optimiser.state
            self.optimiser = torch.optim.AdamW(self._parameters(), settings.training.learning_rate)
            self.optimiser.state.update(moments)  # by parameter, so the order does not matter
        self._prepared = terms

    def _parameters(self) -> list[nn.Parameter]:
        return [p for module in (self.student, self.predictor, self.term_networks) for p in module.parameters()]

    def _class_maps(self, settings: RunSettings, step: int, parts: Set[Part]) -> list[Tensor] | None:
        """Return the teacher's class maps of the regions to draw from; None where no teacher is asked."""
        if self.teacher is None or settings.predictor.reads == "student" or not parts & FROM_CLASS_MAPS:
            return None
        return self.teacher.class_maps(self.tiles.regions(self.teacher.since), step)

    @torch.no_grad()
    def _used(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return each class's share of the pixels, smoothed over steps and of this step alone, both (K,)."""
        share = torch.bincount(labels, minlength=len(self.usage)).cpu() / labels.numel()
        return 0.9 * self.usage + 0.1 * share, share

    # --- to and from a checkpoint ------------------------------------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        """Return everything a later process needs to go on exactly here, by name, on the CPU."""
        since = torch.tensor(self.teacher.since if self.teacher else 0)
        return named_tensors(self.modules(), self.optimiser, {"usage": self.usage, "refined_from": since})

    def load_tensors(self, tensors: dict[str, Tensor], *, has_classes: bool) -> None:
        """Take over what `tensors` returned.

        Raises
        ------
        InputError
            If they are of networks of other sizes.
        """
        if any(name.startswith("teacher.") for name in tensors):
            self.start_refining(int(tensors["refined_from"]))
        try:
            for prefix, module in self.modules().items():
                load_weights(module, tensors, prefix)
        except RuntimeError as error:
            raise InputError("the saved weights don't fit these settings; resume with those of the run") from error
        self.sketch, self.textons = self.sketch.to(self.device.name).eval(), self.textons.to(self.device.name).eval()
        self.usage, self.has_classes = tensors["usage"].clone(), has_classes
        state = self.optimiser.state_dict()
        state["state"] = optimiser_state(tensors)
        self.optimiser.load_state_dict(state)
        self.tiles.open(self.textons)

    def modules(self) -> dict[str, nn.Module]:
        """Return all networks by name."""
        modules: dict[str, nn.Module] = {"sketch": self.sketch, "textons": self.textons, "student": self.student}
        modules["predictor"] = self.predictor
        modules |= {f"term.{kind}": network for kind, network in self.term_networks.items()}
        if self.mean_teacher is not None:
            modules["mean_teacher"] = self.mean_teacher
        return modules if self.teacher is None else {**modules, "teacher": self.teacher.network}


def _parts(terms: Iterable[LossTerm]) -> frozenset[Part]:
    """Return all that some terms read."""
    return frozenset[Part]().union(*(term.parts() for term in terms))


def _as(kind: type[_M], module: nn.Module) -> _M:
    assert isinstance(module, kind)
    return module
