"""Classifiers: normalised sections in, K-way logits per pixel out.

All share ``forward(image (N, C, H, W)) -> logits (N, K, H, W)``, ``stride``, ``radius_px`` and ``context``: C is
``2 * context + 1`` sections, the one to classify in the middle; 1 as a rule.  ``forward(image, margin)`` leaves out
what lies within `margin` pixels of the sides, and as much of the work for it as the network can.
"""

from napari_em_autoclass.core.classifier.filter_classifier import FilterClassifier
from napari_em_autoclass.core.classifier.forecast_classifier import ForecastClassifier
from napari_em_autoclass.core.classifier.settings import ClassifierSettings

__all__ = ["ClassifierSettings", "FilterClassifier", "ForecastClassifier"]
