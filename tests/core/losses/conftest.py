"""A batch that every term can read, as a function of the logits that are under test."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.losses import StepBatch, TrainState

FIELDS = ("logits", "view_logits", "predicted_logits", "own", "near", "far")


@dataclass(frozen=True)
class Raw:
    """The tensors a batch is made of: map logits (B, K, h, w) and forecast logits (N, T) by name, and their targets."""

    values: dict[str, Tensor]
    mask: Tensor
    anchor: Tensor
    targets: dict[str, Tensor]

    def batch(self) -> StepBatch:
        """Return the batch with all its optional parts."""
        return StepBatch(
            logits=self.values["logits"],
            mask=self.mask,
            view_logits=self.values["view_logits"],
            predicted_logits=self.values["predicted_logits"],
            anchor=self.anchor,
            forecasts={name: (self.values[name], target) for name, target in self.targets.items()},
        )

    def mapped(self, change: Callable[[Tensor], Tensor]) -> Raw:
        """Return a copy with all logits changed."""
        return Raw({name: change(value) for name, value in self.values.items()}, self.mask, self.anchor, self.targets)

    def reordered(self, change: Callable[[Tensor], Tensor]) -> Raw:
        """Return a copy with everything changed that has pixels or tiles along its axes."""
        return Raw(
            {name: change(value) for name, value in self.values.items()},
            change(self.mask),
            change(self.anchor),
            {name: change(target) for name, target in self.targets.items()},
        )

    def leaves(self) -> Raw:
        """Return a copy whose logits collect gradients."""
        return self.mapped(lambda value: value.detach().clone().requires_grad_())

    def gradients(self) -> Iterable[Tensor]:
        """Yield the gradients that arrived."""
        return (value.grad for value in self.values.values() if value.grad is not None)


@pytest.fixture
def raw() -> Raw:
    """Give 3 tiles of 4 x 6 pixels with 5 classes, and 20 forecasts of 7 textons; a third of the pixels is masked."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        values = 2 * torch.randn(shape, generator=generator)
        values[:, 0] += 6  # one class prevails, so that the terms that ask for more have something to ask
        return values

    maps = {name: draw(3, 5, 4, 6) for name in FIELDS[:3]}
    forecasts = {name: draw(20, 7) for name in FIELDS[3:]}
    mask = torch.rand((3, 4, 6), generator=generator) > 0.33
    anchor = torch.randint(5, (3, 4, 6), generator=generator)
    targets = {name: torch.randint(7, (20,), generator=generator) for name in forecasts}
    return Raw({**maps, **forecasts}, mask, anchor, targets)


@pytest.fixture
def state() -> TrainState:
    """Give the middle of a training."""
    return TrainState(step=10, fraction=0.5)


@pytest.fixture
def flat_batch() -> Callable[..., StepBatch]:
    """Give a function from logits (N, K), and parts of that shape, to a batch of one unmasked tile of N pixels."""

    def as_map(rows: Tensor) -> Tensor:
        return rows.T[None, :, None, :]  # (1, K, 1, N)

    def build(logits: Tensor, anchor: Tensor | None = None, **others: Tensor) -> StepBatch:
        return StepBatch(
            logits=as_map(logits),
            mask=torch.ones(1, 1, len(logits), dtype=torch.bool),
            anchor=None if anchor is None else anchor[None, None, :],
            **{name: as_map(rows) for name, rows in others.items()},
        )

    return build
