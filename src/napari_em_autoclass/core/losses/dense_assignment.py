"""Learn classes of equal size from the teacher, where there is something to see (Leopart)."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import avg_pool2d

from napari_em_autoclass.core.losses.bank import Bank
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
from napari_em_autoclass.core.losses.pairs import draw_pixels, rows_at
from napari_em_autoclass.core.losses.sinkhorn import sinkhorn

__all__ = ["DenseAssignment", "foreground"]

_QUEUE = 8192
_PUSHED = 1024
_WINDOW_PX = 9


@torch.no_grad()
def foreground(image: Tensor, mask: Tensor, share: float) -> Tensor:
    """Return where an image shows most: the pixels (B, h, w) bool that hold `share` of all its local variance.

    Source: the place of CLS attention in Ziegler and Asano 2022 (Leopart), which keeps 0.6 of its mass.

    Parameters
    ----------
    image : (B, h, w)
    mask : (B, h, w) bool; pixels outside are not looked at
    share : 0 to 1, of the summed variance in windows of 9 x 9 pixels; at 1, or in an even image, all of the mask
    """
    inside = mask.to(image.dtype)[:, None]  # (B, 1, h, w)
    kept = torch.where(mask, image, 0)[:, None]

    def mean(values: Tensor) -> Tensor:
        return avg_pool2d(values, _WINDOW_PX, stride=1, padding=_WINDOW_PX // 2)

    n = mean(inside).clamp(min=1e-6)
    # Off the overall mean first: a difference of large squares would be mostly rounding.
    kept = kept - inside * kept.sum() / inside.sum().clamp(min=1)
    variance = (mean(kept**2) / n - (mean(kept) / n) ** 2).clamp(min=0)[:, 0]  # (B, h, w)
    values = variance[mask].sort(descending=True).values
    total = values.sum()
    if share >= 1 or not float(total):
        return mask
    n_kept = int((values.cumsum(dim=0) < share * total).sum()) + 1
    return mask & (variance >= values[min(n_kept, len(values)) - 1])


class DenseAssignment(LossTerm):
    """Learn classes of equal size from the slow mean of yourself, where there is something to see, in nats.

    The teacher's pixels, and those of the last steps, are assigned to classes of equal size; the network learns these
    by cross-entropy, in the foreground alone.  0 when it is sure and agrees, ``ln K`` when undecided; large at one
    class everywhere.

    Source: Ziegler and Asano 2022, "Self-supervised learning of object parts for semantic segmentation" (Leopart),
    on aligned pixels instead of crops, with local variance for attention.
    """

    samples_pixels: ClassVar[bool] = True

    kind: Literal["dense_assignment"] = "dense_assignment"
    """Learn classes of equal size where there is something to see."""
    source: Literal["teacher", "teacher_neighbour"] = "teacher"
    """What the teacher looks at: the same section, or the next one."""
    student: Literal["section", "turned"] = "section"
    """What the network looks at: the section in another contrast, or also turned."""
    foreground: float = Field(0.6, gt=0, le=1, json_schema_extra={"step": 0.05})
    """Share of the image's contrast that lies in the pixels learned from; 1 takes all pixels."""
    softness: float = Field(0.5, ge=0.01, le=10, json_schema_extra={"step": 0.05})
    """How soft the assignments are."""
    iterations: int = Field(3, ge=1, le=50)
    """Rounds of fitting the assignments to equal sizes."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        own: frozenset[Part] = frozenset({"logits", "sections", self.source})
        return own if self.student == "section" else own | {"turned"}

    def network(self, sizes: Sizes) -> Bank:
        """Return the queue of the teacher's logits."""
        return Bank(_QUEUE, sizes.n_classes)

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a non-negative scalar in nats; 0 without a teacher or images."""
        wanted = {self.source} | ({"turned"} if self.student == "turned" else set())
        if not wanted <= batch.seen.keys() or batch.sections is None or not bool(batch.mask.any()):
            return absent(batch)
        queue = state.networks[self.kind]
        assert isinstance(queue, Bank)
        taught = batch.seen[self.source].logits.detach()
        taught = taught if taught.dtype == torch.float64 else taught.float()
        teacher = masked_pixels(taught, batch.mask)  # (N, K)
        scores = torch.cat([teacher, queue.held().to(teacher)])
        codes = sinkhorn(scores, eps=self.softness, iterations=self.iterations)[: len(teacher)]
        learned = foreground(batch.sections[:, 0].float(), batch.mask, self.foreground)[batch.mask]  # (N,)
        logits = batch.logits if self.student == "section" else batch.seen["turned"].logits
        log_p = masked_pixels(log_probs(logits), batch.mask)  # (N, K)
        loss = -(codes * log_p).sum(dim=1)[learned].mean()
        queue.push(rows_at(taught, draw_pixels(batch.mask, _PUSHED, state.generator(self.kind))))
        return TermOut(loss, {"foreground": float(learned.float().mean())})
