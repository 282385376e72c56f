"""The first sketch: classes and textons from a fixed filter bank, within seconds and without training."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_em_autoclass.core.classifier import FilterClassifier
from napari_em_autoclass.core.clusters import fit_clusters
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.core.volumes import shares

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["filter_scales_px", "warm_start"]

_N_PATCHES = 32
_PATCH_PX = 96
_N_PIXELS = 60_000
# Of the pixels, those that given classes explain worst: there the further classes are looked for.  On two phantoms a
# half left the given ones less of what they were (mean IoU with their labels .18 and .24, a quarter .20 and .30).
_WORST = 0.25


def filter_scales_px(scales_nm: tuple[float, ...], pixel_nm: tuple[float, float]) -> tuple[float, ...]:
    """Return the filter scales in working pixels; a scale below 1 pixel is raised to it, and doubles are dropped."""
    pixel = (pixel_nm[0] * pixel_nm[1]) ** 0.5
    return tuple(sorted({max(1.0, round(scale / pixel, 3)) for scale in scales_nm}))


def warm_start(
    working: WorkingVolume | Sequence[WorkingVolume], settings: RunSettings
) -> tuple[FilterClassifier, FilterClassifier]:
    """Return (classes, textons): two classifiers on one filter bank with K and T clusters.

    Both come from the same pixels, drawn from patches all over the volume, or over all volumes.  Classes that the
    settings start from come first, in their order.

    Raises
    ------
    InputError
        If no patch can be read, or the settings start from labels of a stack that was seen by other filters.
    """
    workings = working if isinstance(working, Sequence) else (working,)
    scales = filter_scales_px(settings.classifier.filter_scales_nm, workings[0].pixel_nm)
    classes = FilterClassifier(scales, settings.n_classes)
    parts = shares([prod(each.shape_zyx) for each in workings])
    samples = [
        _sample_responses(each, classes, settings.seed + i, max(1, round(_N_PATCHES * part)))
        for i, (each, part) in enumerate(zip(workings, parts, strict=True))
    ]
    sample = np.concatenate(samples)  # (N, C)
    mean, scale = sample.mean(axis=0), sample.std(axis=0).clip(min=1e-4)
    sample = (sample - mean) / scale
    textons = FilterClassifier(scales, settings.classifier.n_textons)
    given = (_given(settings, classes.bank.n_channels) - mean) / scale  # (L, C)
    for classifier, n, first in (
        (classes, settings.n_classes, given),
        (textons, settings.classifier.n_textons, given[:0]),
    ):
        centres = _with_given(sample, first, n, settings.seed)
        classifier.mean.copy_(torch.from_numpy(mean))
        classifier.scale.copy_(torch.from_numpy(scale))
        classifier.centres.copy_(torch.from_numpy(centres))
        # A tenth of the spread inside a cluster: sure in its middle, undecided at its edge.
        classifier.temperature.fill_(_within(sample[:10_000], centres) / 10)
    return classes.eval(), textons.eval()


def _given(settings: RunSettings, n_channels: int) -> NDArray[np.float32]:
    """Return the responses (L, C) of the labels to start from; none where there are none."""
    if settings.start is None:
        return np.empty((0, n_channels), np.float32)
    given = np.array(settings.start.responses, np.float32)
    if given.shape[1] != n_channels:
        raise InputError(
            f"the labels to start from ({settings.start.source}) were seen by {given.shape[1]} filters, this run has "
            f"{n_channels}; start from labels of this stack"
        )
    return given


def _with_given(
    sample: NDArray[np.float32], given: NDArray[np.float32], n_clusters: int, seed: int
) -> NDArray[np.float32]:
    """Return centres (n_clusters, C): the given ones, then clusters of the pixels that are farthest from these."""
    if not len(given):
        return fit_clusters(sample, n_clusters, seed)
    if len(given) == n_clusters:
        return given
    distances = _distances(sample, given).min(axis=1)
    worst = sample[distances >= np.quantile(distances, 1 - _WORST)]
    return np.concatenate([given, fit_clusters(worst, n_clusters - len(given), seed)])


@torch.no_grad()
def _sample_responses(
    working: WorkingVolume, classifier: FilterClassifier, seed: int, n_patches: int
) -> NDArray[np.float32]:
    rng = np.random.default_rng((seed, 0))
    _, height, width = working.shape_zyx
    sections = np.array(working.sound_sections)
    halo, side_y, side_x = classifier.radius_px, min(_PATCH_PX, height), min(_PATCH_PX, width)
    per_patch = -(-_N_PIXELS // _N_PATCHES)
    parts, unreadable = [], None
    # Sections at even distances, so that few patches still see all of the stack.
    for z in sections[np.linspace(0, len(sections) - 1, n_patches).round().astype(int)]:
        y, x = int(rng.integers(height - side_y + 1)), int(rng.integers(width - side_x + 1))
        box = Box(int(z), int(z) + 1, y - halo, y + side_y + halo, x - halo, x + side_x + halo)
        try:
            patch = torch.from_numpy(working.read(box))
        except InputError as error:  # a damaged chunk: the other patches tell enough
            unreadable = error
            continue
        responses = classifier.bank(patch[None])[0, :, halo:-halo, halo:-halo]  # (C, h, w)
        pixels = rng.integers(side_y * side_x, size=min(per_patch, side_y * side_x))
        parts.append(responses.flatten(1)[:, torch.from_numpy(pixels)].T.numpy())
    if unreadable is not None and not parts:
        raise unreadable
    return np.concatenate(parts).astype(np.float32)


def _within(sample: NDArray[np.float32], centres: NDArray[np.float32]) -> float:
    """Return the mean squared distance of a pixel to its centre."""
    return float(_distances(sample, centres).min(axis=1).mean().clip(min=1e-6))


def _distances(sample: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the squared distance (N, K) of each pixel to each centre."""
    squared: NDArray[np.float32] = (sample**2).sum(1)[:, None] - 2 * sample @ centres.T + (centres**2).sum(1)
    return squared
