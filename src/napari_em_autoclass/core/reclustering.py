"""Make the K classes anew from what the network has learned, and keep their identity.

Pixels are sorted by their features and by what they foretell about the neighbouring sections, the latter averaged
over the section and its neighbours: a forecast that three sections agree on is a better one.  Averaging the features
the same way would smear membranes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from napari_em_autoclass.core.classifier import ForecastClassifier
from napari_em_autoclass.core.clusters import fit_clusters, match_clusters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_em_autoclass.core.classifier import FilterClassifier

__all__ = ["Reclustered", "averaged_forecast", "recluster", "renew_centres"]

_PIXELS = 60_000
# A pixel this far from the edge of its tile sees enough around it; small tiles give up less.
_BORDER_PX = 16


@dataclass(frozen=True)
class Reclustered:
    """What changed: `kept` (K,), the share of each class that it had before, and `usage` (K,), the new class shares."""

    kept: tuple[float, ...]
    usage: tuple[float, ...]


def averaged_forecast(student: ForecastClassifier, below: Tensor, middle: Tensor, above: Tensor) -> Tensor:
    """Return the forecast (N, T, h, w) averaged 1 : 2 : 1 over the sections' features (N, D, h, w)."""
    return (student.forecast(below) + 2 * student.forecast(middle) + student.forecast(above)) / 4


@torch.no_grad()
def recluster(
    student: ForecastClassifier,
    previous: ForecastClassifier | FilterClassifier,
    stacks: Sequence[Tensor],
    options: tuple[int, bool],
) -> Reclustered:
    """Give `student` a new class head, fitted on sample tiles, with the class identities of `previous`.

    Parameters
    ----------
    student : in evaluation mode; its embedding and head are replaced
    previous : what named the classes until now (may be `student` itself)
    stacks : tiles (3, 1, H, W), the section in the middle of its nearest neighbours, normalised
    options : (seed, whether to search clusters afresh)

    Notes
    -----
    Afresh means k-means from scratch and matching by overlap; otherwise the old classes' centres are moved, which is
    faster and keeps identities by itself.
    """
    seed, _ = options
    rng = np.random.default_rng((seed, 4))
    features, forecasts, old = [], [], []
    per_tile = -(-_PIXELS // len(stacks))
    for stack in stacks:
        f = _inner(student.features(stack)).flatten(2)  # (3, D, h * w)
        pixels = torch.from_numpy(rng.integers(f.shape[2], size=per_tile)).to(stack.device)
        f = f[:, :, pixels, None]  # (3, D, n, 1): forecasts are only made where they are asked for
        q = averaged_forecast(student, f[:1], f[1:2], f[2:])  # (1, T, n, 1)
        features.append(f[1, :, :, 0].T)  # (n, D)
        forecasts.append(q[0, :, :, 0].T)  # (n, T)
        old.append(_named(previous, stack[1:2], f[1:2], pixels))
    student.standardise(features, forecasts)
    f_all, q_all = torch.cat(features)[:, :, None, None], torch.cat(forecasts)[:, :, None, None]
    embedding = student.embed(f_all, q_all)[:, :, 0, 0].cpu().numpy()  # (N, D + T)
    return _set_classes(student, embedding, torch.cat(old).cpu().numpy(), options)


def _named(
    previous: ForecastClassifier | FilterClassifier, section: Tensor, features: Tensor, pixels: Tensor
) -> Tensor:
    """Return the classes (n,) that `previous` gives to the sampled pixels of a section (1, 1, H, W)."""
    if isinstance(previous, ForecastClassifier):  # the network itself: its features are there already
        return torch.as_tensor(previous.classify(features).argmax(dim=1).flatten())
    return torch.as_tensor(_inner(previous(section)).argmax(dim=1).flatten()[pixels])


def _inner(tile: Tensor) -> Tensor:
    """Return `tile` (..., H, W) without its border."""
    border = min(_BORDER_PX, min(tile.shape[-2:]) // 4)
    return tile[..., border:-border, border:-border]


def _set_classes(
    student: ForecastClassifier, embedding: NDArray[np.float32], old: NDArray[np.int64], options: tuple[int, bool]
) -> Reclustered:
    seed, afresh = options
    n_classes = student.head.out_channels
    start = None if afresh else _means(embedding, old, n_classes)
    centres = fit_clusters(embedding, n_classes, seed, n_init=3) if start is None else start
    centres, labels, within = renew_centres(embedding, centres, n_rounds=25 if afresh else 4)
    new_to_old, kept = match_clusters(old, labels, n_classes)
    renamed = np.empty_like(centres)
    renamed[new_to_old] = centres
    device = student.mean.device
    student.set_centres(torch.from_numpy(renamed).to(device), max(within / 10, 1e-4))
    shares = np.bincount(new_to_old[labels], minlength=n_classes) / len(labels)
    return Reclustered(kept, tuple(shares.tolist()))


def _means(embedding: NDArray[np.float32], labels: NDArray[np.int64], n: int) -> NDArray[np.float32]:
    """Return the mean embedding of each label (n, E); a label without pixels starts at a random one."""
    counts = np.bincount(labels, minlength=n)
    sums = np.zeros((n, embedding.shape[1]), np.float64)
    np.add.at(sums, labels, embedding)
    means = sums / np.maximum(counts, 1)[:, None]
    empty = np.flatnonzero(counts == 0)
    means[empty] = embedding[np.linspace(0, len(embedding) - 1, len(empty) + 2).astype(int)[1:-1]]
    return means.astype(np.float32)


def renew_centres(
    embedding: NDArray[np.float32], centres: NDArray[np.float32], n_rounds: int
) -> tuple[NDArray[np.float32], NDArray[np.int64], float]:
    """Return (centres (K, E), labels (N,), mean squared distance to the own centre) after `n_rounds` of Lloyd's rule.

    A class that lost all its pixels takes those worst described by the others.
    """
    data = torch.from_numpy(embedding)
    middle = torch.from_numpy(centres)
    size = (data**2).sum(dim=1)
    for _ in range(n_rounds):
        distances = size[:, None] - 2 * data @ middle.T + (middle**2).sum(dim=1)
        nearest, labels = distances.min(dim=1)
        counts = torch.bincount(labels, minlength=len(middle))
        sums = torch.zeros_like(middle).index_add_(0, labels, data)
        middle = sums / counts.clamp(min=1)[:, None]
        empty = (counts == 0).nonzero().flatten()
        middle[empty] = data[nearest.topk(max(len(empty), 1)).indices[: len(empty)]]
    distances = size[:, None] - 2 * data @ middle.T + (middle**2).sum(dim=1)
    nearest, labels = distances.min(dim=1)
    return middle.numpy(), labels.numpy(), float(nearest.mean().clamp(min=0))
