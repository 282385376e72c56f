"""Make the K classes anew from what the network has learned, and keep their identity.

Pixels are sorted by their features and by what they foretell about the neighbouring sections, the latter averaged
over the section and its neighbours: a forecast that three sections agree on is a better one.  Averaging the features
the same way would smear membranes; they are smoothed along structures instead (`edge_smoothing`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from napari_em_autoclass.core.classifier import ForecastClassifier
from napari_em_autoclass.core.clusters import fit_even_clusters, match_clusters
from napari_em_autoclass.core.edge_smoothing import smoothed
from napari_em_autoclass.core.errors import require_wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_em_autoclass.core.classifier import FilterClassifier

__all__ = ["Reclustered", "averaged", "recluster", "renew_centres", "set_at_random"]

_PIXELS = 60_000
# A pixel this far from the edge of its tile sees enough around it; small tiles give up less.
_BORDER_PX = 16


@dataclass(frozen=True)
class Reclustered:
    """What changed: `kept` (K,), the share of each class that it had before, and `usage` (K,), the new class shares."""

    kept: tuple[float, ...]
    usage: tuple[float, ...]


def averaged(below: Tensor, middle: Tensor, above: Tensor) -> Tensor:
    """Return the forecast averaged 1 : 2 : 1 over a section and its neighbours."""
    return (below + 2 * middle + above) / 4


@torch.no_grad()
def recluster(
    student: ForecastClassifier,
    previous: ForecastClassifier | FilterClassifier,
    stacks: Sequence[Tensor],
    seed: int,
    smoothing_px: tuple[int, ...] | None = None,
    *,
    is_wanted: Callable[[], bool] = lambda: True,
) -> Reclustered:
    """Give `student` a new class head, fitted on sample tiles, with the class identities of `previous`.

    Parameters
    ----------
    student : in evaluation mode; its embedding and head are replaced
    previous : what named the classes until now (may be `student` itself)
    stacks : tiles (3, C, H, W), the section in the middle of its nearest neighbours, normalised; C as `student` sees it
    seed : of the sample and of k-means
    smoothing_px : search clusters afresh, in the embedding smoothed at these distances, see
        `edge_smoothing.smoothing_steps_px`; without it the old classes' centres are moved, which takes a fraction of
        the time and keeps identities by itself
    is_wanted : asked before each tile, and before clusters are looked for

    Raises
    ------
    Abandoned
        If `is_wanted` says no; the embedding of `student` may have been replaced by then.
    """
    rng = np.random.default_rng((seed, 4))
    features, forecasts, old, chosen = [], [], [], []
    per_tile = -(-_PIXELS // len(stacks))
    for stack in stacks:
        require_wanted(is_wanted)
        f = _inner(student.features(stack))  # (3, D, h, w)
        pixels = torch.from_numpy(rng.integers(f[0, 0].numel(), size=per_tile)).to(stack.device)
        old.append(_named(previous, stack[1:2], f[1:2], pixels))
        if smoothing_px is None:  # forecasts are only made where they are asked for
            f = f.flatten(2)[:, :, pixels, None]  # (3, D, n, 1)
        features.append(f[1])  # (D, h, w) or (D, n, 1)
        forecasts.append(averaged(*student.forecast(f)))
        chosen.append(pixels)
    student.standardise([f.flatten(1).T for f in features], [q.flatten(1).T for q in forecasts])
    parts = []
    for f, q, pixels in zip(features, forecasts, chosen, strict=True):
        require_wanted(is_wanted)
        embedding = student.embed(f[None], q[None])[0]  # (D + T, h, w)
        if smoothing_px is None:
            parts.append(embedding.flatten(1).T)
        else:
            parts.append(smoothed(embedding, embedding, smoothing_px).flatten(1)[:, pixels].T)
    require_wanted(is_wanted)
    sample = torch.cat(parts).cpu().numpy()  # (N, D + T)
    return _set_classes(student, sample, torch.cat(old).cpu().numpy(), seed, afresh=smoothing_px is not None)


@torch.no_grad()
def set_at_random(student: ForecastClassifier, stacks: Sequence[Tensor], seed: int) -> Reclustered:
    """Give `student` a class head of random directions in its embedding, which is standardised on sample tiles.

    No class keeps anything of what it was, and all count as used equally.

    Parameters
    ----------
    student, stacks, seed : as for `recluster`
    """
    features = [_inner(student.features(stack[1:2])) for stack in stacks]  # (1, D, h, w)
    forecasts = [student.forecast(f) for f in features]
    student.standardise([f[0].flatten(1).T for f in features], [q[0].flatten(1).T for q in forecasts])
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn((student.head.out_channels, len(student.mean)), generator=generator)
    # As long as a pixel's embedding (total variance 1), and soft: nothing is decided yet.
    centres = centres / centres.norm(dim=1, keepdim=True)
    student.set_centres(centres.to(student.mean.device), 1.0)
    n_classes = len(centres)
    return Reclustered((0.0,) * n_classes, (1 / n_classes,) * n_classes)


def _named(
    previous: ForecastClassifier | FilterClassifier, section: Tensor, features: Tensor, pixels: Tensor
) -> Tensor:
    """Return the classes (n,) that `previous` gives to the sampled pixels of a section (1, C, H, W)."""
    if isinstance(previous, ForecastClassifier):  # the network itself: its features are there already
        return torch.as_tensor(previous.classify(features.flatten(2)[:, :, pixels, None]).argmax(dim=1).flatten())
    alone = section[:, section.shape[1] // 2, None]  # the filters see one section
    return torch.as_tensor(_inner(previous(alone)).argmax(dim=1).flatten()[pixels])


def _inner(tile: Tensor) -> Tensor:
    """Return `tile` (..., H, W) without its border."""
    border = min(_BORDER_PX, min(tile.shape[-2:]) // 4)
    return tile[..., border:-border, border:-border]


def _set_classes(
    student: ForecastClassifier, embedding: NDArray[np.float32], old: NDArray[np.int64], seed: int, *, afresh: bool
) -> Reclustered:
    n_classes = student.head.out_channels
    centres = fit_even_clusters(embedding, n_classes, seed) if afresh else _means(embedding, old, n_classes)
    # Clusters found afresh are not those that Lloyd's rule ends in, and are kept as they are.
    centres, labels, within = renew_centres(embedding, centres, n_rounds=0 if afresh else 4)
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
