"""What one side of a pair becomes before the other is taught by it; nothing here passes a gradient.

Class probabilities are made surer, held off one class, or replaced by clusters of features.  Every function is pure;
what must be remembered from step to step is kept by the term that calls it.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import normalize

__all__ = [
    "Reweighting",
    "centred_targets",
    "even_sample",
    "first_centres",
    "moved_centre",
    "nearest_centre",
    "reweighted_targets",
    "same_order",
    "spherical_kmeans",
]

Reweighting = Literal["sure", "even"]
"""Which way `reweighted_targets` goes: "sure" as in DEC, "even" as in DEPICT."""


@torch.no_grad()
def centred_targets(logits: Tensor, centre: Tensor, temperature: float) -> Tensor:
    """Return ``softmax((logits - centre) / temperature)``, shape (N, K).

    Taking the centre off holds the classes in balance, a temperature below 1 makes the pixels sure; either alone
    collapses.  Source: Caron et al. 2021, "Emerging properties in self-supervised vision transformers" (DINO), alg. 1.

    Parameters
    ----------
    logits : (N, K) of the teacher
    centre : (K,), see `moved_centre`
    temperature : above 0
    """
    return ((logits - centre) / temperature).softmax(dim=1)


@torch.no_grad()
def moved_centre(centre: Tensor, logits: Tensor, momentum: float) -> Tensor:
    """Return the running mean (K,) of the logits (N, K) after one more step: ``momentum`` old, the rest new (eq. 4)."""
    return momentum * centre + (1 - momentum) * logits.to(centre.dtype).mean(dim=0)


@torch.no_grad()
def reweighted_targets(log_p: Tensor, way: Reweighting) -> Tensor:
    """Return the class probabilities of pixels, made surer or more even, shape (N, K).

    Source: Xie et al. 2016 (DEC), eq. 3; Ghasedi Dizaji et al. 2017 (DEPICT).

    Parameters
    ----------
    log_p : (N, K) logarithms of class probabilities
    way : "sure" gives ``p^2 / f`` and "even" ``p / sqrt(f)``, each divided by its sum over classes, where ``f`` is the
        class's sum over pixels.  With rows that are all the same "sure" leaves them, "even" pulls them to equal use.
    """
    log_use = log_p.logsumexp(dim=0)  # (K,)
    return ((2 * log_p - log_use) if way == "sure" else (log_p - 0.5 * log_use)).softmax(dim=1)


# --- clusters by direction -------------------------------------------------------------------------------------------


@torch.no_grad()
def nearest_centre(rows: Tensor, centres: Tensor) -> Tensor:
    """Return the index (N,) of the centre (K, D), of length 1, with the largest cosine to each of `rows` (N, D)."""
    return (rows @ centres.T).argmax(dim=1)


@torch.no_grad()
def first_centres(rows: Tensor, n_clusters: int, generator: torch.Generator) -> Tensor:
    """Return `n_clusters` rows (K, D), of length 1, that lie far apart (k-means++ on the sphere).

    Parameters
    ----------
    rows : (N, D), N at least 1
    n_clusters : with fewer different rows some are taken twice
    generator : on the CPU
    """
    rows = normalize(rows, dim=1)
    chosen = [rows[int(torch.randint(len(rows), (), generator=generator))]]
    distance = (1 - rows @ chosen[0]).clamp(min=0)
    for _ in range(n_clusters - 1):
        # A draw by the cumulated sum, since `multinomial` takes at most 2^24 rows and refuses sums of 0.
        threshold = float(torch.rand((), generator=generator)) * distance.sum()
        index = int((distance.cumsum(dim=0) < threshold).sum().clamp(max=len(rows) - 1))
        chosen.append(rows[index])
        distance = torch.minimum(distance, (1 - rows @ rows[index]).clamp(min=0))
    return torch.stack(chosen)


@torch.no_grad()
def spherical_kmeans(rows: Tensor, centres: Tensor, iterations: int = 10) -> Tensor:
    """Return the centres (K, D), of length 1, after so many Lloyd iterations on the directions of `rows` (N, D).

    A cluster that lost all its rows starts again from the row of the largest cluster that lies farthest from its
    centre, so that there are always K where there are K different directions.

    Source: Dhillon and Modha 2001; re-seeding as in Caron et al. 2018 (DeepCluster), section 3.3.
    """
    rows, centres = normalize(rows, dim=1), normalize(centres, dim=1)
    for _ in range(iterations):
        cosines = rows @ centres.T  # (N, K)
        nearest, labels = cosines.max(dim=1)
        counts = torch.bincount(labels, minlength=len(centres))
        sums = torch.zeros_like(centres).index_add_(0, labels, rows)
        # Rows that cancel each other leave the centre where it was.
        centres = torch.where(sums.norm(dim=1, keepdim=True) > 1e-6, normalize(sums, dim=1), centres)
        for empty in (counts == 0).nonzero().flatten().tolist():
            largest = int(counts.argmax())
            farthest = int(nearest.masked_fill(labels != largest, 2.0).argmin())
            centres[empty] = rows[farthest]
            labels[farthest], counts[empty] = empty, 1
            counts[largest] -= 1
    return centres


def same_order(old: Tensor, new: Tensor) -> Tensor:
    """Return `new` centres (K, D) in the order that keeps the names of the `old` ones (K, D) best, by their cosines.

    So a class keeps its number, and with it its colour, when clusters are made anew.
    """
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415

    similarity = (normalize(old, dim=1) @ normalize(new, dim=1).T).cpu().numpy()  # (K, K)
    columns = linear_sum_assignment(-similarity)[1]
    return new[torch.as_tensor(columns, device=new.device)]


@torch.no_grad()
def even_sample(labels: Tensor, n: int, n_clusters: int, generator: torch.Generator) -> Tensor:
    """Return about `n` indices into `labels` (N,), drawn with replacement, as many from each cluster that has any.

    Source: Caron et al. 2018 (DeepCluster), section 3.3: against the trivial answer of one large cluster.
    """
    order = labels.argsort()
    counts = torch.bincount(labels, minlength=n_clusters)
    used = counts[counts > 0]
    each = max(n // len(used), 1)
    starts = used.cumsum(dim=0) - used
    draws = torch.rand((len(used), each), generator=generator).to(labels.device)
    within = (draws * used[:, None]).long().clamp(max=used[:, None] - 1)  # (clusters, each)
    return order[(starts[:, None] + within).flatten()]
