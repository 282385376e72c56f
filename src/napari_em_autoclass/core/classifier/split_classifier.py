"""The classes as learned, and within those that were split, the part with the nearest centre."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from napari_em_autoclass.core.classifier.forecast_classifier import ForecastClassifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_em_autoclass.core.classifier.filter_classifier import FilterClassifier
    from napari_em_autoclass.core.split import Split

__all__ = ["SplitClassifier", "embedded"]


class SplitClassifier(nn.Module):
    """One section in, (K + P)-way scores out: the logits of `base`, untouched, then one score for each of P parts.

    Parameters
    ----------
    base : what a run learned, in evaluation mode
    splits : whose centres have as many numbers as its embedding
    """

    def __init__(self, base: FilterClassifier | ForecastClassifier, splits: Sequence[Split]) -> None:
        super().__init__()
        self.base, self.splits = base, tuple(splits)
        parts = [(part.centre, split.temperature) for split in self.splits for part in split.parts]
        device = next(iter(base.buffers())).device
        self.centres: Tensor
        self.temperatures: Tensor
        self.register_buffer("centres", torch.tensor([centre for centre, _ in parts], device=device))  # (P, E)
        self.register_buffer("temperatures", torch.tensor([t for _, t in parts], device=device))

    @property
    def context(self) -> int:
        """Sections above and below that are seen beside the one to classify."""
        return self.base.context

    @property
    def stride(self) -> int:
        """Sides of the input must be multiples of this."""
        return self.base.stride

    @property
    def radius_px(self) -> int:
        """How far from a pixel its class looks, in pixels."""
        return self.base.radius_px

    @torch.no_grad()
    def forward(self, image: Tensor, margin: int = 0) -> Tensor:
        """Return scores (N, K + P, h, w) of what lies inside a margin of normalised sections (N, C, H, W).

        Those of parts compare within a class.
        """
        embedding, logits = embedded(self.base, image, margin)
        scores = torch.einsum("nehw,pe->nphw", embedding.float(), self.centres)
        scores = (scores - 0.5 * (self.centres**2).sum(dim=1)[:, None, None]) / self.temperatures[:, None, None]
        return torch.cat([logits, scores.to(logits.dtype)], dim=1)

    def tell_apart(self, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return ids (h, w), their probability (h, w), and that of every id (highest id, h, w), row i that of id i + 1.

        A pixel has the class it would have without any split, and then the likeliest of its parts.  The probability of
        a part is that of its class times that of the part within it; the class keeps its own.

        Parameters
        ----------
        scores : (K + P, h, w) from `forward`
        """
        n_classes = len(scores) - len(self.centres)
        known = scores[:n_classes].softmax(dim=0)  # (K, h, w)
        # By the scores, as without any split: two probabilities may be equal where their scores are not.
        top, ids, at = known.amax(dim=0), scores[:n_classes].argmax(dim=0) + 1, n_classes
        highest = max(i for split in self.splits for i in split.ids)
        probs = torch.cat([known, known.new_zeros(max(highest - n_classes, 0), *known.shape[1:])])
        for split in self.splits:
            within = scores[at : at + len(split.parts)].softmax(dim=0)  # (parts, h, w)
            at += len(split.parts)
            best, which = within.max(dim=0)
            here = ids == split.class_id
            ids = torch.where(here, torch.tensor(split.ids, device=ids.device)[which], ids)
            top = torch.where(here, top * best, top)
            for part_id, share in zip(split.ids, within, strict=True):
                probs[part_id - 1] = known[split.class_id - 1] * share
        return ids, top, probs


def embedded(base: FilterClassifier | ForecastClassifier, image: Tensor, margin: int = 0) -> tuple[Tensor, Tensor]:
    """Return embedding (N, E, h, w) and logits (N, K, h, w) of sections: what ``base(image, margin)`` sees and says.

    Parameters
    ----------
    base : in evaluation mode
    image : (N, C, H, W), normalised
    margin : pixels at each side of which nothing is asked
    """
    if isinstance(base, ForecastClassifier):
        features = base.features(image, margin)
        return base.embed(features), base.classify(features)
    responses = base.responses(image, margin)
    return responses, base.classify(responses)
