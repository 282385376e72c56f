"""Class heads: the embedding of pixels in, K-way logits out.

All share ``forward(embedding (N, E, h, w)) -> logits (N, K, h, w)``, ``set_centres(centres (K, E), temperature)``, and
the names ``in_channels`` (E) and ``out_channels`` (K).  In evaluation mode a pixel's logits depend on that pixel alone,
so that tiles classified one by one meet without a seam.
"""

from __future__ import annotations

from typing import Literal

from napari_em_autoclass.core.heads.cosine import CosineHead
from napari_em_autoclass.core.heads.guided_slots import GuidedSlotHead
from napari_em_autoclass.core.heads.linear import LinearHead
from napari_em_autoclass.core.heads.slots import SlotHead

__all__ = ["AnyHead", "CosineHead", "GuidedSlotHead", "HeadKind", "LinearHead", "SlotHead", "make_head"]

HeadKind = Literal["linear", "cosine", "slots", "guided_slots"]
AnyHead = LinearHead | CosineHead | SlotHead | GuidedSlotHead


def make_head(kind: HeadKind, n_embedding: int, n_classes: int, temperature: float, iterations: int) -> AnyHead:
    """Return an untrained head.

    Parameters
    ----------
    kind : which
    n_embedding, n_classes : E and K
    temperature : of the heads that compare directions (cosine, guided_slots)
    iterations : rounds in which slots adapt to a tile (slots, guided_slots)
    """
    if kind == "cosine":
        return CosineHead(n_embedding, n_classes, temperature)
    if kind == "slots":
        return SlotHead(n_embedding, n_classes, iterations)
    if kind == "guided_slots":
        return GuidedSlotHead(n_embedding, n_classes, temperature, iterations)
    return LinearHead(n_embedding, n_classes)
