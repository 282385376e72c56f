"""Learn from the slow mean of oneself: centred, sharpened class probabilities of a teacher (DINO, and iBOT's mask)."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from napari_em_autoclass.core.losses.base import (
    LossTerm,
    Part,
    Sizes,
    StepBatch,
    TermOut,
    TrainState,
    absent,
    log_probs,
    masked_pixels,
)
from napari_em_autoclass.core.losses.sinkhorn import sinkhorn
from napari_em_autoclass.core.losses.targets import centred_targets, moved_centre

__all__ = ["MaskedDistillation", "RunningCentre", "SelfDistillation"]

_SINKHORN_ITERATIONS = 3  # as many as DINOv2


class RunningCentre(nn.Module):
    """Remembers the teacher's mean logits, `centre` (K,), from step to step."""

    centre: Tensor

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(n_classes))

    def move(self, logits: Tensor, momentum: float) -> None:
        """Move towards the mean of `logits` (N, K)."""
        self.centre.copy_(moved_centre(self.centre, logits, momentum))


class _Distillation(LossTerm):
    """What both terms share: the teacher, its targets and the cross-entropy."""

    source: Literal["teacher", "teacher_neighbour"] = "teacher"
    """What the teacher looks at: the same section, or the next one."""
    balancing: Literal["centre", "assignment"] = "centre"
    """What keeps all classes in use: taking off the teacher's mean, or assigning pixels to classes of equal size."""
    teacher_temperature: float = Field(0.4, ge=0.01, le=10, json_schema_extra={"step": 0.05})
    """How sure the teacher is made; below the student's temperature, or nothing is ever decided."""
    student_temperature: float = Field(1.0, ge=0.01, le=10, json_schema_extra={"step": 0.05})
    """How soft the student's answer is read."""
    centre_momentum: float = Field(0.9, ge=0, lt=1, json_schema_extra={"step": 0.05})
    """How slowly the teacher's mean follows."""

    def network(self, sizes: Sizes) -> RunningCentre:
        """Return the memory of the teacher's mean."""
        return RunningCentre(sizes.n_classes)

    def _taught(self, logits: Tensor, batch: StepBatch, pixels: Tensor, state: TrainState) -> TermOut:
        """Return the cross-entropy of `logits` (B, K, h, w) at `pixels` (B, h, w) against the teacher there."""
        memory = state.networks[self.kind]
        assert isinstance(memory, RunningCentre)
        teacher = masked_pixels(batch.seen[self.source].logits.detach(), pixels)  # (N, K)
        if not len(teacher):
            return absent(batch)
        teacher = teacher if teacher.dtype == torch.float64 else teacher.float()
        if self.balancing == "assignment":
            targets = sinkhorn(teacher, eps=self.teacher_temperature, iterations=_SINKHORN_ITERATIONS)
        else:
            targets = centred_targets(teacher, memory.centre.to(teacher), self.teacher_temperature)
        log_p = log_probs(masked_pixels(logits, pixels) / self.student_temperature)
        loss = -(targets * log_p).sum(dim=1).mean()
        # After the loss: a centre that already knows this batch would take it off before it could teach.
        memory.move(teacher, self.centre_momentum)
        # What shows a collapse: an entropy of 0 or ln K, or a cross-entropy that is all entropy (DINO, section 5.3).
        entropy = float(-torch.special.xlogy(targets, targets).sum(dim=1).mean())
        return TermOut(loss, {"target_entropy": entropy, "divergence": float(loss.detach()) - entropy})


class SelfDistillation(_Distillation):
    """Learn from the slow mean of yourself: cross-entropy against the teacher's sharpened, centred classes, in nats.

    0 when the network and its teacher are sure and agree; ``ln K`` when both are undecided.  At one class everywhere it
    is 0 at first, and large as soon as the centre has followed, after some ten steps.

    Source: Caron et al. 2021, "Emerging properties in self-supervised vision transformers" (DINO), eq. 2 and 4; the
    assignment in place of the centre is DINOv2's (Oquab et al. 2023, section 4).
    """

    kind: Literal["self_distillation"] = "self_distillation"
    """Learn from the slow mean of yourself."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return frozenset({"logits", self.source})

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a non-negative scalar in nats; 0 without a teacher."""
        if self.source not in batch.seen:
            return absent(batch)
        return self._taught(batch.logits, batch, batch.mask, state)


class MaskedDistillation(_Distillation):
    """Tell hidden blocks from what surrounds them: the same as self-distillation, on pixels only the teacher saw.

    In nats; 0 when sure and right, ``ln K`` when undecided, and at one class everywhere as self-distillation.

    Source: Zhou et al. 2022 (iBOT), as used in DINOv2 (Oquab et al. 2023, section 4).
    """

    kind: Literal["masked_distillation"] = "masked_distillation"
    """Tell hidden blocks from what surrounds them."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return frozenset({"logits", "masked", self.source})

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a non-negative scalar in nats; 0 without a teacher, or when nothing is hidden."""
        if self.source not in batch.seen or "masked" not in batch.seen or batch.hidden is None:
            return absent(batch)
        return self._taught(batch.seen["masked"].logits, batch, batch.mask & batch.hidden, state)
