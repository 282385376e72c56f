"""Untrained models that give a small stack several classes; on the path of the tests (pyproject.toml)."""

from __future__ import annotations

import torch

from napari_em_autoclass.core.classifier import ForecastClassifier
from napari_em_autoclass.core.model import Model, empty_classifiers, fingerprint, working_volume
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.volume import Box, Volume
from napari_em_autoclass.core.warm_start import warm_start


def sketch_of(volume: Volume, settings: RunSettings) -> Model:
    """Give the first sketch: clusters of filter responses."""
    working = working_volume(volume, settings)
    sketch, _ = warm_start(working, settings)
    return Model(settings, sketch, "first sketch", working.normalisation, fingerprint(volume), "sketch@0")


@torch.no_grad()
def network_of(volume: Volume, settings: RunSettings) -> Model:
    """Give a network of random weights whose classes are those of some pixels of the stack."""
    working = working_volume(volume, settings)
    torch.manual_seed(0)
    student = empty_classifiers(settings, volume.voxel_size_nm, volume.shape_zyx[0])["student"]
    assert isinstance(student, ForecastClassifier)
    _, rows, columns = working.shape_zyx
    image = torch.from_numpy(working.read(Box(0, 2, 0, rows // 8 * 8, 0, columns // 8 * 8)))[:, None]
    for _ in range(20):
        student(image)  # statistics of the batch norm
    features = student.eval().features(image)
    joined = [t.movedim(1, -1).flatten(0, 2) for t in (features, student.forecast(features))]
    student.standardise(joined[:1], joined[1:])
    pixels = student.embed(features).movedim(1, -1).flatten(0, 2)
    step = len(pixels) // settings.n_classes
    student.set_centres(pixels[pixels[:, 0].argsort()][step // 2 :: step][: settings.n_classes], 0.05)
    return Model(settings, student, "learning", working.normalisation, fingerprint(volume), "student@1")
