"""The null model: a section is what its neighbours are on average."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["NeighbourMeanPredictor", "copy_neighbours"]

# The least probability; as in `skill.prediction_skill`, so that this predictor's skill is 0.
_LEAST = 1e-4


class NeighbourMeanPredictor(nn.Module):
    """Foretell the mean of the neighbours' class probabilities: no parameters, nothing learned.

    With it the prediction term asks for nothing but that neighbouring sections agree; what a learned predictor adds can
    be read off the difference.
    """

    def forward(self, neighbours: Tensor) -> Tensor:
        """Return logits (B, K, h, w) of neighbours (B, S - 1, K, h, w)."""
        return copy_neighbours(neighbours).clamp(min=_LEAST).log()


def copy_neighbours(neighbours: Tensor) -> Tensor:
    """Return the null prediction: the mean of the neighbours' probabilities (B, S - 1, K, h, w), shape (B, K, h, w)."""
    return neighbours.mean(dim=1)
