"""Tells when the loss diverges: it is no number any more, or has grown beyond measure and stays there.

A jump is no divergence: the loss jumps whenever the classes are made anew or a term is switched on.  So it is held
against what it was at the beginning of the same objective, and only tenfold, for twenty steps on end, is too much.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import torch

from napari_em_autoclass.core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import nn

    from napari_em_autoclass.core.losses import LossTerm
    from napari_em_autoclass.core.run_settings import RunSettings

__all__ = ["LossRecord", "has_only_numbers", "objective_key", "slowed"]

_FIRST_STEPS: Final = 50
_BEYOND: Final = 10.0
_ON_END: Final = 20


class LossRecord(Settings):
    """What is known of the loss of a run; a value, since it is stored with the progress and a resumed run goes on.

    `scale` is the largest size of the loss in the first 50 steps of the present objective, at least the sum of its
    weights: a term may begin at 0 and rise, and most are of size 1 to 3.
    """

    objective: str = ""
    n_steps: int = 0
    scale: float = 0.0
    beyond_for: int = 0

    def after(self, total: float, objective: str, weights: float) -> LossRecord:
        """Return the record after a step with the loss `total`, of an objective that `objective_key` describes."""
        known = self if objective == self.objective else LossRecord(objective=objective, scale=weights)
        if known.n_steps < _FIRST_STEPS:
            return known.replace(n_steps=known.n_steps + 1, scale=max(known.scale, abs(total)), beyond_for=0)
        is_beyond = total > _BEYOND * known.scale
        return known.replace(n_steps=known.n_steps + 1, beyond_for=known.beyond_for + 1 if is_beyond else 0)

    @property
    def is_sound(self) -> bool:
        """Whether nothing points to a divergence."""
        return self.beyond_for == 0

    @property
    def has_diverged(self) -> bool:
        """Whether it has been beyond measure for too long."""
        return self.beyond_for >= _ON_END


def objective_key(terms: Iterable[LossTerm]) -> tuple[str, float]:
    """Return what tells one objective from another, and the sum of its weights."""
    weights = {term.kind: term.weight for term in terms if term.weight > 0}
    return ",".join(f"{kind}={weight:g}" for kind, weight in sorted(weights.items())), math.fsum(weights.values())


def slowed(settings: RunSettings, divergences: int) -> RunSettings:
    """Return `settings` with half the learning rate for each time the loss has diverged."""
    if not divergences:
        return settings
    rate = settings.training.learning_rate * 0.5**divergences
    return settings.replace(training=settings.training.replace(learning_rate=rate))


def has_only_numbers(network: nn.Module) -> bool:
    """Return whether no weight of `network` is NaN or infinite."""
    return all(bool(torch.isfinite(tensor).all()) for tensor in network.state_dict().values())
