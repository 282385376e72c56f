"""How much better than copying the neighbours a prediction is."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_em_autoclass.core.predictor.neighbour_mean import copy_neighbours

__all__ = ["prediction_skill"]


def prediction_skill(prediction: Tensor, truth: Tensor, neighbours: Tensor) -> float:
    """Return ``1 - CE(prediction, truth) / CE(copy, truth)``, at least -1: 0 is no better than copying the neighbours.

    1 is perfect foresight of certain classes; of undecided ones even the best prediction stays below it, by their own
    entropy.  Where the neighbours already agree (a collapsed map above all) there is nothing to be skilled at, and the
    ratio would run away: their cross-entropy counts as 0.05 nats at least.

    Parameters
    ----------
    prediction : (B, K, h, w) logits; truth : (B, K, h, w) probabilities; neighbours : (B, S - 1, K, h, w)
    """
    with torch.no_grad():
        ours = -(truth * prediction.float().log_softmax(dim=1)).sum(dim=1).mean()
        copied = -(truth * copy_neighbours(neighbours).clamp(min=1e-4).log()).sum(dim=1).mean()
        return max(-1.0, float(1 - ours / copied.clamp(min=0.05)))
