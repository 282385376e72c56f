"""Two looks at the same pixels teach each other, with the class sizes held (SwAV)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from napari_em_autoclass.core.losses.base import (
    LossTerm,
    Part,
    StepBatch,
    TermOut,
    TrainState,
    absent,
    log_probs,
)
from napari_em_autoclass.core.losses.sinkhorn import prior_from_usage, sinkhorn

__all__ = ["SwappedAssignment"]


class SwappedAssignment(LossTerm):
    """Two looks at the same pixels teach each other, each class keeping its size: swapped cross-entropy, in nats.

    All pixels of the batch are assigned at once, so no class can run empty or take all (equipartition, or a prior
    between equal sizes and those of now).  0 when both sides are sure, agree and have the wanted sizes; ``ln K`` when
    all are undecided, which it does not leave by itself; large at one class everywhere.

    Source: Caron et al. 2020, "Unsupervised learning of visual features by contrasting cluster assignments" (SwAV),
    eq. 1 to 5.
    """

    has_exact_gradient: ClassVar[bool] = False

    kind: Literal["swapped_assignment"] = "swapped_assignment"
    """Two looks at the same pixels teach each other."""
    source: Literal["view", "turned", "neighbour", "predicted"] = "view"
    """The other look: another contrast, also turned, the next section, or what the neighbouring sections foretell."""
    prior_exponent: float = Field(0.5, ge=0, le=1, json_schema_extra={"step": 0.05})
    """Which class sizes are wanted: 0 equal ones, 1 those of now, between them a compromise."""
    firmness: float = Field(1.0, ge=0, le=1, json_schema_extra={"step": 0.05})
    """How firmly the wanted class sizes are held: 1 fully, 0 not at all."""
    softness: float = Field(0.5, ge=0.01, le=10, json_schema_extra={"step": 0.05})
    """How soft the assignments are."""
    iterations: int = Field(5, ge=1, le=50)
    """Rounds of fitting the assignments to the wanted sizes."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return frozenset({"logits", self.source})

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a non-negative scalar in nats; 0 without the other look."""
        if self.source == "predicted":
            other = batch.predicted_logits
        else:
            other = batch.seen[self.source].logits if self.source in batch.seen else None
        if other is None or not bool(batch.mask.any()):
            return absent(batch)
        ours = batch.log_p
        theirs = log_probs(batch.inside(other))  # (N, K)
        usage = (ours.detach().exp() + theirs.detach().exp()).mean(dim=0) / 2 if state.usage is None else state.usage
        prior = prior_from_usage(usage.to(ours), self.prior_exponent)
        # Firmness is rho / (rho + eps).
        rho = None if self.firmness == 1 else self.softness * self.firmness / (1 - self.firmness)
        # Logits and their log-softmax differ by a constant a row, which the assignment doesn't see.
        codes = [sinkhorn(s, prior, eps=self.softness, iterations=self.iterations, rho=rho) for s in (ours, theirs)]
        loss = -((codes[1] * ours).sum(dim=1) + (codes[0] * theirs).sum(dim=1)).mean() / 2
        return TermOut(loss)
