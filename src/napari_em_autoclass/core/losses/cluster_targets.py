"""Learn the clusters of your own features, of one view or of two (DeepCluster and PiCIE)."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import nll_loss, normalize

from napari_em_autoclass.core.clusters import match_clusters
from napari_em_autoclass.core.losses.bank import Bank
from napari_em_autoclass.core.losses.base import (
    LossTerm,
    Part,
    Sizes,
    StepBatch,
    TermOut,
    TrainState,
    absent,
    log_probs,
    masked_pixels,
)
from napari_em_autoclass.core.losses.targets import (
    even_sample,
    first_centres,
    nearest_centre,
    same_order,
    spherical_kmeans,
)

__all__ = ["ClusterTargets", "Clusters"]

_BANK = 8192
_PUSHED = 1024
_SAMPLED = 8192


class Clusters(nn.Module):
    """Remembers features of the last steps and the clusters made of them, for one view or two.

    Parameters
    ----------
    n_views, n_clusters, width : V, K and D; `centres` is (V, K, D), each of length 1
    """

    centres: Tensor
    means: Tensor
    fitted_at: Tensor

    def __init__(self, n_views: int, n_clusters: int, width: int) -> None:
        super().__init__()
        self.banks = nn.ModuleList(Bank(_BANK, width) for _ in range(n_views))
        self.register_buffer("centres", torch.zeros(n_views, n_clusters, width))
        self.register_buffer("means", torch.zeros(n_views, width))
        self.register_buffer("fitted_at", torch.tensor(-1))

    def bank(self, view: int) -> Bank:
        """Return the bank of `view`."""
        bank = self.banks[view]
        assert isinstance(bank, Bank)
        return bank

    def is_due(self, step: int, every: int) -> bool:
        """Return whether the clusters are to be made (again) in `step`."""
        fitted_at = int(self.fitted_at)
        return fitted_at < 0 or step - fitted_at >= every

    def directions(self, view: int, rows: Tensor) -> Tensor:
        """Return features (N, D) off their mean and of length 1: what clusters are made of.

        What all pixels have in common would else make all directions nearly the same.  DeepCluster whitens; here that
        would raise channels that hold nothing but noise.
        """
        wide = rows if rows.dtype == torch.float64 else rows.float()
        return normalize(wide - self.means[view].to(wide), dim=1)

    def labels(self, view: int, rows: Tensor) -> Tensor:
        """Return the cluster (N,) of each of the features (N, D)."""
        directions = self.directions(view, rows)
        return nearest_centre(directions, self.centres[view].to(directions))

    @torch.no_grad()
    def fit(self, step: int, rows: Tensor, classes: Tensor, generator: torch.Generator) -> None:
        """Make the clusters of the rows held, from those of before; the first time they take the classes' names.

        Parameters
        ----------
        step : number of the step
        rows, classes : features (N, D) and present classes (N,), of the first view, to name by
        generator : on the CPU
        """
        is_first = int(self.fitted_at) < 0
        for view, centres in enumerate(self.centres):
            held = self.bank(view).held()
            self.means[view] = held.mean(dim=0)
            held = self.directions(view, held)
            if not is_first:
                new = same_order(centres, spherical_kmeans(held, centres))
            elif view == 0:
                made = spherical_kmeans(held, first_centres(held, len(centres), generator))
                clusters = nearest_centre(self.directions(view, rows).to(made), made)
                names, _ = match_clusters(classes.cpu().numpy(), clusters.cpu().numpy(), len(made))
                new = torch.empty_like(made)
                new[torch.as_tensor(names, device=made.device)] = made
            else:
                # From the other view's, so that a cluster is called the same in both.
                new = same_order(self.centres[0], spherical_kmeans(held, self.centres[0]))
            centres.copy_(new)
        self.fitted_at.fill_(step)


class ClusterTargets(LossTerm):
    """Learn the clusters of your own features: cross-entropy against cluster labels, in nats.

    Of one view each cluster counts the same, by drawing as many pixels from each (DeepCluster).  Of two, each view
    must give the clusters of both, and a cluster counts with one over the root of its size (PiCIE; its own code
    favours large clusters).  0 when each pixel is sure of its cluster, ``ln K`` when undecided; large at one class
    everywhere, since clusters stay apart as long as features do.

    Source: Caron et al. 2018 (DeepCluster), eq. 1 and 2, with centres carried over as in its second version; Cho et
    al. 2021 (PiCIE).
    """

    samples_pixels: ClassVar[bool] = True

    kind: Literal["cluster_targets"] = "cluster_targets"
    """Learn the clusters of your own features."""
    source: Literal["own", "view", "turned", "neighbour"] = "turned"
    """The second view: none, another contrast, also turned, or the next section."""
    refresh_every: int = Field(10, ge=1, le=100_000)
    """Steps after which the clusters are made anew."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return frozenset({"logits"}) if self.source == "own" else frozenset({"logits", self.source})

    def network(self, sizes: Sizes) -> Clusters:
        """Return the memory of features and clusters."""
        return Clusters(1 if self.source == "own" else 2, sizes.n_classes, sizes.n_features)

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a non-negative scalar in nats; 0 without features or a second view."""
        if batch.features is None or not (self.source == "own" or self.source in batch.seen):
            return absent(batch)
        if not bool(batch.mask.any()):
            return absent(batch)
        maps = [(batch.features, batch.logits)]
        if self.source != "own":
            maps.append(batch.seen[self.source])
        features = [masked_pixels(f.detach(), batch.mask) for f, _ in maps]  # (N, D) each
        log_p = [masked_pixels(log_probs(logits), batch.mask) for _, logits in maps]  # (N, K) each
        clusters = state.networks[self.kind]
        assert isinstance(clusters, Clusters)
        generator = state.generator(self.kind)
        classes = log_p[0].detach().argmax(dim=1)
        self._remember(clusters, features, classes, generator)
        if clusters.is_due(state.step, self.refresh_every):
            clusters.fit(state.step, features[0], classes, generator)
        labels = [clusters.labels(view, rows) for view, rows in enumerate(features)]
        in_use = float((torch.bincount(labels[0]) > 0).sum())
        if self.source == "own":
            drawn = even_sample(labels[0], _SAMPLED, log_p[0].shape[1], generator)
            return TermOut(nll_loss(log_p[0][drawn], labels[0][drawn]), {"clusters_in_use": in_use})
        # Within a view and across the two.
        costs = [_weighted(ours, theirs) for ours in log_p for theirs in labels]
        return TermOut(torch.stack(costs).mean(), {"clusters_in_use": in_use})

    def _remember(
        self, clusters: Clusters, features: list[Tensor], classes: Tensor, generator: torch.Generator
    ) -> None:
        """Put features of this step into the banks: at first as many as they hold."""
        n = min(_PUSHED if len(clusters.bank(0)) else _BANK, len(classes))
        if self.source == "own":
            # Even over the classes: else cytoplasm, two thirds of all pixels, takes two thirds of the clusters.
            n_classes = clusters.centres.shape[1]
            places = even_sample(classes, n, n_classes, generator)[:_BANK]
        else:
            places = torch.randperm(len(classes), generator=generator)[:n].to(classes.device)
        for view, rows in enumerate(features):
            clusters.bank(view).push(rows[places])


def _weighted(log_p: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy, each cluster with the inverse root of its size as its weight."""
    sizes = torch.bincount(labels, minlength=log_p.shape[1]).clamp(min=1)
    return nll_loss(log_p, labels, weight=(sizes / len(labels)).rsqrt().to(log_p))
