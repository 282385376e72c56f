"""What a loss term may see and must return.

Rules that keep terms exchangeable (``docs/explanation/method.md``): a term computes in float32 whatever the autocast
state, averages over pixels and sums over classes (so the crop size does not matter), ignores masked pixels, and states
its unit.  A term with weight 0, or outside its part of the training, is not evaluated.  A term says which parts of a
batch it reads (`LossTerm.parts`), so that the learner makes no others; it draws random numbers from
`TrainState.generator` alone; and it gets its own weights (a decoder, a second head, a running mean) from
`LossTerm.network`, which are trained and saved with the run.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Self
from zlib import crc32

import torch
from pydantic import Field, model_validator
from torch import Tensor

from napari_em_autoclass.core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

__all__ = [
    "LossTerm",
    "Part",
    "Seen",
    "Sizes",
    "StepBatch",
    "TermOut",
    "TrainState",
    "absent",
    "log_probs",
    "masked_pixels",
]

Part = Literal[
    "forecasts",
    "logits",
    "anchor",
    "predicted",
    "view",
    "turned",
    "neighbour",
    "masked",
    "teacher",
    "teacher_neighbour",
    "sections",
]
"""What a term may ask for beside the features of the middle section; see `StepBatch`."""


class Seen(NamedTuple):
    """What a network makes of tiles: learned features (B, D, h, w) and logits (B, K, h, w), both float32."""

    features: Tensor
    logits: Tensor


class Sizes(NamedTuple):
    """What a term must know to make a network of its own."""

    n_classes: int
    n_features: int
    n_neighbours: int


@dataclass(frozen=True)
class StepBatch:
    """Everything the terms of one step may read.

    Letters: B tiles, K classes, T textons, D learned features, S sections (the middle one and its neighbours), N
    sampled pixels, h w class-map pixels (as many as image pixels).  All maps show the same pixels.

    Parameters
    ----------
    logits : (B, K, h, w), of the middle section of each tile, in a random contrast
    mask : (B, h, w) bool, pixels that see no padding and no damaged section
    features : (B, D, h, w), learned features of the same, or None
    seen : further passes by name, each asked for as the part of that name
        "view" the middle section in another contrast; "turned" the same and also turned by a symmetry of the square,
        the result turned back; "neighbour" the nearest section above or below (by chance); "masked" the middle section
        with blocks hidden, see `hidden`; "teacher" the middle section as it is, by the mean teacher, without gradient;
        "teacher_neighbour" the section of "neighbour", by the mean teacher.
    hidden : (B, h, w) bool, which pixels "masked" did not see, or None
    sections : (B, S, h, w), normalised images of the middle section and its neighbours as they are (nearest first, -1,
        +1, -2, +2, …), or None
    offsets : S section offsets of `sections`, 0 first
    spacing_nm : distance between neighbouring sections, and size of a pixel
    predicted_logits : (B, K, h, w), what the predictor foretells from the neighbouring sections, or None
    anchor : (B, h, w) int64, class index 0..K-1 that holds fine structure in place, or None
    forecasts : pairs (logits (N, T), texton index (N,) int64, or (M, N) of M sections) by name
        "own" for the section itself, "near", "far", … for the neighbours.
    beside : which of `sections` "neighbour" shows, an index into its axis S, or None
    """

    logits: Tensor
    mask: Tensor
    features: Tensor | None = None
    seen: Mapping[str, Seen] = field(default_factory=dict)
    hidden: Tensor | None = None
    sections: Tensor | None = None
    offsets: tuple[int, ...] = (0,)
    spacing_nm: tuple[float, float] = (8.0, 8.0)
    predicted_logits: Tensor | None = None
    anchor: Tensor | None = None
    forecasts: Mapping[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    beside: int | None = None

    @cached_property
    def rows(self) -> Tensor:
        """Which pixels the mask holds, (N,) int64, counted through tiles, lines and columns."""
        return self.mask.flatten().nonzero()[:, 0]

    @cached_property
    def log_p(self) -> Tensor:
        """Log-probabilities (N, K) of `logits` at the pixels in the mask: made once for all terms that read them."""
        return log_probs(self.inside(self.logits))

    @cached_property
    def p(self) -> Tensor:
        """Probabilities (N, K) of `logits` at the pixels in the mask."""
        return self.log_p.exp()

    def inside(self, values: Tensor) -> Tensor:
        """Return the rows of `values` (B, C, h, w) at the pixels in the mask, (N, C)."""
        return values.movedim(1, -1).flatten(0, 2).index_select(0, self.rows)


@dataclass(frozen=True)
class TrainState:
    """Where the training stands.

    Parameters
    ----------
    step : number of the step
    fraction : of the budget that is used, 0 to 1
    usage : smoothed class usage (K,)
    seed : of the run
    networks : what `LossTerm.network` made, by kind; in training mode
    """

    step: int
    fraction: float
    usage: Tensor | None = None
    seed: int = 0
    networks: Mapping[str, nn.Module] = field(default_factory=dict)

    def generator(self, name: str) -> torch.Generator:
        """Return a fresh generator (on the CPU) that depends on the seed, the step and `name` alone."""
        # All of it in 32 bits: the generator of the CPU takes no notice of higher ones.
        return torch.Generator().manual_seed(crc32(f"{self.seed} {self.step} {name}".encode()))


class TermOut(NamedTuple):
    """The unweighted value of a term (scalar float32 with gradient) and numbers worth logging."""

    loss: Tensor
    logs: dict[str, float] = {}  # noqa: RUF012  never written: NamedTuple defaults are shared


class LossTerm(Settings):
    """Base of all loss terms: settings and formula in one frozen object."""

    samples_pixels: ClassVar[bool] = False
    """Whether the value depends on which pixels are drawn, how many there are, or how they lie to each other."""
    has_exact_gradient: ClassVar[bool] = True
    """Whether the gradient is the derivative; not so where targets are made from the input but count as fixed."""

    kind: str
    """Name of the term."""
    weight: float = Field(1.0, ge=0, le=100, json_schema_extra={"step": 0.05})
    """How much this term counts; 0 switches it off."""
    start: float = Field(0.0, ge=0, le=1, json_schema_extra={"step": 0.05})
    """Fraction of the training after which the term counts."""
    end: float = Field(1.0, ge=0, le=1, json_schema_extra={"step": 0.05})
    """Fraction of the training up to which the term counts."""

    @model_validator(mode="after")
    def _starts_before_its_end(self) -> Self:
        if self.start > self.end:
            raise ValueError(f"{self.kind} starts at {self.start} but ends at {self.end}; it would never count")
        return self

    def is_active(self, fraction: float) -> bool:
        """Return whether the term counts when `fraction` (0 to 1) of the training is done."""
        return self.weight > 0 and self.start <= fraction <= self.end

    def parts(self) -> frozenset[Part]:
        """Return which parts of the batch the term reads beside the learned features, which are always there."""
        return frozenset({"logits"})

    def network(self, sizes: Sizes) -> nn.Module | None:
        """Return a new network that the term trains (or keeps state in) beside the classifier; None as a rule.

        Its parameters may have no shape that depends on anything but `sizes` and the term's settings.
        """
        return None

    @abstractmethod
    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return the unweighted value of the term, a scalar float32; 0 (see `absent`) if a part it reads is missing."""


def log_probs(logits: Tensor) -> Tensor:
    """Return log-softmax over axis 1 in float32 (float64 stays), shape (B, K, h, w) or (N, K)."""
    wide = logits if logits.dtype == torch.float64 else logits.float()
    return wide.log_softmax(dim=1)


def absent(batch: StepBatch) -> TermOut:
    """Return 0 with a gradient (of 0): the value of a term whose targets the batch does not have."""
    # In float32: a sum over a batch is more than float16 holds, and infinity times 0 is not 0.
    return TermOut(batch.logits.float().sum() * 0.0)


def masked_pixels(values: Tensor, mask: Tensor) -> Tensor:
    """Return the rows of `values` (B, K, h, w) at pixels where `mask` (B, h, w) holds, shape (N, K)."""
    return values.movedim(1, -1)[mask]  # (N, K)
