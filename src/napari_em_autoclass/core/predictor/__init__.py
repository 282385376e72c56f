"""Predictors: foretell the class map of a section from those of its neighbours.

All share ``forward(neighbours (B, S - 1, K, h, w) of probabilities) -> logits (B, K, h, w)``, for even h and w.
"""

from __future__ import annotations

from napari_em_autoclass.core.predictor.conv import ConvPredictor
from napari_em_autoclass.core.predictor.local_attention import LocalAttentionPredictor
from napari_em_autoclass.core.predictor.neighbour_mean import NeighbourMeanPredictor, copy_neighbours
from napari_em_autoclass.core.predictor.settings import PredictorSettings
from napari_em_autoclass.core.predictor.skill import prediction_skill
from napari_em_autoclass.core.predictor.transformer import TransformerPredictor

__all__ = [
    "AnyPredictor",
    "ConvPredictor",
    "LocalAttentionPredictor",
    "NeighbourMeanPredictor",
    "PredictorSettings",
    "TransformerPredictor",
    "copy_neighbours",
    "make_predictor",
    "prediction_skill",
]

AnyPredictor = ConvPredictor | LocalAttentionPredictor | NeighbourMeanPredictor | TransformerPredictor


def make_predictor(settings: PredictorSettings, n_classes: int, n_neighbours: int) -> AnyPredictor:
    """Return an untrained predictor of the kind that `settings` ask for, from S - 1 neighbours of K classes each."""
    if settings.kind == "local_attention":
        return LocalAttentionPredictor(n_classes, n_neighbours, settings.width, settings.window_px)
    if settings.kind == "transformer":
        return TransformerPredictor(n_classes, n_neighbours, settings.width)
    if settings.kind == "neighbour_mean":
        return NeighbourMeanPredictor()
    return ConvPredictor(n_classes, n_neighbours, settings.width)
