"""Classifiers: normalised sections in, K-way logits per pixel out.

All share ``forward(image (N, 1, H, W)) -> logits (N, K, H, W)``, ``stride`` and ``radius_px``.
"""

from napari_em_autoclass.core.classifier.filter_classifier import FilterClassifier
from napari_em_autoclass.core.classifier.forecast_classifier import ClassifierSettings, ForecastClassifier

__all__ = ["ClassifierSettings", "FilterClassifier", "ForecastClassifier"]
