"""A batch that every term can read, as a function of the logits that are under test."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.losses import Seen, StepBatch, TrainState

PASSES = ("view", "turned", "neighbour", "masked", "teacher", "teacher_neighbour")
MAPS = ("logits", "predicted_logits", *PASSES)
FORECASTS = ("own", "near", "far")
FEATURES = ("features", *(f"{name}_features" for name in PASSES))


@dataclass(frozen=True)
class Raw:
    """The tensors a batch is made of, by name.

    Logits (B, K, h, w) of the `MAPS`, features (B, D, h, w), images (B, S, h, w) and forecast logits (N, T).
    """

    values: dict[str, Tensor]
    mask: Tensor
    anchor: Tensor
    targets: dict[str, Tensor]
    hidden: Tensor

    def batch(self) -> StepBatch:
        """Return the batch with all its optional parts."""
        return StepBatch(
            logits=self.values["logits"],
            mask=self.mask,
            features=self.values["features"],
            seen={name: Seen(self.values[f"{name}_features"], self.values[name]) for name in PASSES},
            hidden=self.hidden,
            sections=self.values["sections"],
            offsets=(0, -1, 1, -2, 2),
            spacing_nm=(50.0, 8.0),
            predicted_logits=self.values["predicted_logits"],
            anchor=self.anchor,
            forecasts={name: (self.values[name], target) for name, target in self.targets.items()},
            beside=1,
        )

    def mapped(self, change: Callable[[Tensor], Tensor]) -> Raw:
        """Return a copy with all logits changed."""
        changed = {name: change(value) for name, value in self.values.items()}
        return Raw(changed, self.mask, self.anchor, self.targets, self.hidden)

    def reordered(self, change: Callable[[Tensor], Tensor]) -> Raw:
        """Return a copy with everything changed that has pixels or tiles along its axes."""
        return Raw(
            {name: change(value) for name, value in self.values.items()},
            change(self.mask),
            change(self.anchor),
            {name: change(target) for name, target in self.targets.items()},
            change(self.hidden),
        )

    def leaves(self) -> Raw:
        """Return a copy whose logits collect gradients."""
        return self.mapped(lambda value: value.detach().clone().requires_grad_())

    def gradients(self) -> Iterable[Tensor]:
        """Yield the gradients that arrived."""
        return (value.grad for value in self.values.values() if value.grad is not None)


@pytest.fixture
def raw() -> Raw:
    """Give 3 tiles of 16 x 24 pixels with 5 classes, and 20 forecasts of 7 textons; a third of the pixels is masked."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        values = 2 * torch.randn(shape, generator=generator)
        values[:, 0] += 6  # one class prevails, so that the terms that ask for more have something to ask
        return values

    maps = {name: draw(3, 5, 16, 24) for name in MAPS}
    features = {name: torch.randn((3, 6, 16, 24), generator=generator) for name in FEATURES}
    sections = {"sections": torch.randn((3, 5, 16, 24), generator=generator)}
    forecasts = {name: draw(20, 7) for name in FORECASTS}
    mask = torch.rand((3, 16, 24), generator=generator) > 0.33
    anchor = torch.randint(5, (3, 16, 24), generator=generator)
    targets = {name: torch.randint(7, (20,), generator=generator) for name in forecasts}
    hidden = torch.rand((3, 16, 24), generator=generator) > 0.5
    return Raw({**maps, **features, **sections, **forecasts}, mask, anchor, targets, hidden)


@pytest.fixture
def state() -> TrainState:
    """Give the middle of a training."""
    return TrainState(step=10, fraction=0.5)


@pytest.fixture
def flat_batch() -> Callable[..., StepBatch]:
    """Give a function from logits (N, K), and parts of that shape, to a batch of one unmasked tile of N pixels.

    A part is given by its name (`predicted_logits`, "view", …); a pass has these rows as logits and as features.
    """

    def as_map(rows: Tensor) -> Tensor:
        return rows.T[None, :, None, :]  # (1, K, 1, N)

    def build(logits: Tensor, anchor: Tensor | None = None, **others: Tensor) -> StepBatch:
        return StepBatch(
            logits=as_map(logits),
            mask=torch.ones(1, 1, len(logits), dtype=torch.bool),
            anchor=None if anchor is None else anchor[None, None, :],
            features=as_map(logits),
            seen={name: Seen(as_map(rows), as_map(rows)) for name, rows in others.items() if name in PASSES},
            **{name: as_map(rows) for name, rows in others.items() if name not in PASSES},
        )

    return build
