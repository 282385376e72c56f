"""Do k-means on pixel features: the fit on a sample (scikit-learn), the assignment on whole sections (torch)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["fit_clusters", "fit_even_clusters", "match_clusters", "nearest_cluster"]

# Even clusters are made of so many small ones each, of so many in all.
_SMALL_PER_CLUSTER, _SMALL_CLUSTERS = 25, 500
_SMALL_SAMPLE = 30_000
_EVENNESS = 0.5
_PIXELS_IN_CACHE = 4096


def fit_clusters(sample: NDArray[np.float32], n_clusters: int, seed: int, n_init: int = 2) -> NDArray[np.float32]:
    """Return cluster centres (n_clusters, C) of `sample` (N, C), ordered by their first channel.

    The first channel is the smoothed grey value, so that cluster numbers, and with them colours, run from dark to
    bright and are alike from run to run.

    Raises
    ------
    ValueError
        If there are fewer samples than clusters.
    """
    from sklearn.cluster import MiniBatchKMeans  # noqa: PLC0415  a second of import time that the dock needn't pay

    _check(sample, n_clusters)
    model = MiniBatchKMeans(
        n_clusters, batch_size=4096, n_init=n_init, max_iter=60, random_state=seed, reassignment_ratio=0.005
    )
    return _ordered(model.fit(sample).cluster_centers_)


def fit_even_clusters(sample: NDArray[np.float32], n_clusters: int, seed: int) -> NDArray[np.float32]:
    """Return cluster centres (n_clusters, C) of `sample` (N, C) that follow its extent more than its density.

    Plain k-means gives each centre about as many pixels: two thirds of a stack are cytoplasm, so two thirds of the
    classes part cytoplasm by its brightness, and what is between membrane and organelle gets one class or two.  Here
    the sample is first put into 500 small clusters, and these into the few, each with the square root of its pixels as
    its weight.  Merged mIoU on the same features against the weights' power 0 (three seeds): .732 to .724 and .744 to
    .724 on two networks for FlyEM, .563 to .549 on isbi2012; what else was tried is in
    ``docs/explanation/experiments.md``.

    Raises
    ------
    ValueError
        If there are fewer samples than clusters.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415

    _check(sample, n_clusters)
    sample = sample[:: -(-len(sample) // _SMALL_SAMPLE)]
    n_small = max(min(_SMALL_PER_CLUSTER * n_clusters, _SMALL_CLUSTERS), 4 * n_clusters)
    n_small = min(n_small, max(len(sample) // 8, n_clusters))
    with warnings.catch_warnings():
        # Of a small or even stack some of the small clusters stay empty, and weigh nothing then.
        warnings.simplefilter("ignore", ConvergenceWarning)
        small = KMeans(n_small, init="random", n_init=1, max_iter=8, random_state=seed).fit(sample)
        weights = np.bincount(small.labels_, minlength=n_small) ** _EVENNESS
        few = KMeans(n_clusters, n_init=20, random_state=seed).fit(small.cluster_centers_, sample_weight=weights)
    return _ordered(few.cluster_centers_)


def _check(sample: NDArray[Any], n_clusters: int) -> None:
    if len(sample) < n_clusters:
        raise ValueError(f"{len(sample)} pixels can't be put into {n_clusters} clusters")


def _ordered(centres: NDArray[Any]) -> NDArray[np.float32]:
    """Return `centres` by their first channel."""
    return np.asarray(centres[np.argsort(centres[:, 0], kind="stable")], np.float32)


def nearest_cluster(features: Tensor, centres: Tensor) -> Tensor:
    """Return the index (N, h, w) int64 of the centre (K, C) nearest to each pixel of `features` (N, C, h, w)."""
    offsets = -0.5 * (centres**2).sum(dim=1)
    n, _, height, width = features.shape
    if features.device.type != "cpu":
        scores = torch.einsum("nchw,kc->nkhw", features, centres)  # (N, K, h, w)
        return (scores + offsets[:, None, None]).argmax(dim=1)
    # A pixel's scores side by side, and NumPy's argmax: a quarter of the time of torch's over maps.
    rows = features.movedim(1, -1).reshape(n * height * width, -1)
    parts = torch.split(rows, _PIXELS_IN_CACHE)
    found = [torch.addmm(offsets, part, centres.T).numpy().argmax(axis=1) for part in parts]
    return torch.from_numpy(np.concatenate(found)).reshape(n, height, width)


def match_clusters(
    old: NDArray[Any], new: NDArray[Any], n_clusters: int
) -> tuple[NDArray[np.int64], tuple[float, ...]]:
    """Return which old cluster each new one continues, by overlap on the same pixels, and how much it kept.

    Parameters
    ----------
    old, new : integer arrays of one shape, values 0..K-1
    n_clusters : K

    Returns
    -------
    new_to_old : (K,) int64
        A permutation: new cluster i should be called ``new_to_old[i]``.
    kept : (K,)
        For each *old* name, the share of its new pixels that carried it before.
    """
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415

    pairs = new.ravel().astype(np.int64) * n_clusters + old.ravel()
    table = np.bincount(pairs, minlength=n_clusters**2).reshape(n_clusters, n_clusters)
    rows, columns = linear_sum_assignment(-table)
    new_to_old = np.empty(n_clusters, np.int64)
    new_to_old[rows] = columns
    size = np.maximum(table.sum(axis=1), 1)
    shares: Sequence[float] = (table[rows, columns] / size).tolist()
    kept = [0.0] * n_clusters
    for new_id, share in zip(rows, shares, strict=True):
        kept[new_to_old[new_id]] = share
    return new_to_old, tuple(kept)
