"""Guided slots: a class is what its pixels look like in this tile, held to what they looked like in others.

The present guess of the classes pools each class's pixels of a tile into a slot; attention over the nearest of that
class's slots of earlier tiles (a memory of sections seen) pulls it back to what the class has been.  That is one step
of k-means on directions, with a memory across sections: a class can't mean one thing here and another there.

As with `slots`, evaluation uses running means, so that a class map does not depend on how a section is cut into tiles.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from napari_em_autoclass.core.heads.cosine import cosines

__all__ = ["GuidedSlotHead"]

_N_TEMPLATES = 16
_N_NEAREST = 4
_EVERY = 2
_MOMENTUM = 0.1
# A class with less than this share of an even part of the tile is rather its prototype than its pixels there.
_PRIOR = 0.01


class GuidedSlotHead(nn.Module):
    """Give each pixel the cosine to K slots pooled from the tile and refined by a memory of other tiles.

    Parameters
    ----------
    n_embedding : E
    n_classes : K
    temperature : of the cosines
    iterations : rounds of attention to the memory

    Notes
    -----
    Source: Lee et al. 2024 (Guided Slot Attention, GSANet), what is left of it without labels and optical flow:
    re-implemented from the idea, with K classes instead of a foreground, and without its transformer.
    """

    def __init__(self, n_embedding: int, n_classes: int, temperature: float = 0.1, iterations: int = 1) -> None:
        super().__init__()
        self.in_channels, self.out_channels = n_embedding, n_classes
        self.temperature, self.iterations = temperature, iterations
        self.weight = nn.Parameter(torch.empty(n_classes, n_embedding))
        self.shift: Tensor
        self.memory: Tensor
        self.oldest: Tensor
        self.register_buffer("shift", torch.zeros(n_classes, n_embedding))
        self.register_buffer("memory", torch.zeros(_N_TEMPLATES, n_classes, n_embedding))
        self.register_buffer("oldest", torch.zeros((), dtype=torch.long))
        self.set_centres(torch.randn(n_classes, n_embedding), 1.0)

    def forward(self, embedding: Tensor) -> Tensor:
        """Return logits (N, K, h, w) of an embedding (N, E, h, w)."""
        with torch.autocast(embedding.device.type, enabled=False):
            pixels = embedding.float()
            prototypes = normalize(self.weight, dim=1)  # (K, E)
            if not self.training:
                slots = normalize(prototypes + self.shift, dim=1)
                return cosines(pixels, slots) / self.temperature
            pooled = self.pooled(normalize(pixels[..., ::_EVERY, ::_EVERY], dim=1), prototypes)  # (N, K, E)
            slots = self.refined(pooled)
            with torch.no_grad():
                self.shift.lerp_(slots.mean(dim=0) - prototypes, _MOMENTUM)
                self._remember(pooled)
            return cosines(pixels, slots) / self.temperature

    def pooled(self, pixels: Tensor, prototypes: Tensor) -> Tensor:
        """Return unit slots (N, K, E): each class's mean over a tile of unit `pixels` (N, E, h, w).

        Pixels count as much as they look like the class now; where none does, its prototype (K, E) stands.
        """
        probs = (cosines(pixels, prototypes) / self.temperature).softmax(dim=1).flatten(2)  # (N, K, P)
        means = probs @ pixels.flatten(2).mT / probs.shape[2]  # (N, K, E)
        return normalize(means + _PRIOR / len(prototypes) * prototypes, dim=2)

    def refined(self, slots: Tensor) -> Tensor:
        """Return `slots` (N, K, E) drawn halfway to what attention finds among the nearest of their class's memory.

        Slots that are all that is remembered stay where they are.
        """
        templates = self.memory.movedim(0, 1).clone()  # (K, M, E); the memory is written to before the gradient is made
        for _ in range(self.iterations):
            cosines, index = torch.einsum("nke,kme->nkm", slots, templates).topk(_N_NEAREST, dim=2)
            nearest = templates[torch.arange(len(templates), device=slots.device)[:, None], index]  # (N, K, n, E)
            found = ((cosines / self.temperature).softmax(dim=2)[..., None] * nearest).sum(dim=2)
            slots = normalize(slots + found, dim=2)
        return slots

    def _remember(self, slots: Tensor) -> None:
        newest = slots[:_N_TEMPLATES]
        places = (self.oldest + torch.arange(len(newest), device=slots.device)) % _N_TEMPLATES
        self.memory[places] = newest
        self.oldest.copy_((self.oldest + len(newest)) % _N_TEMPLATES)

    @torch.no_grad()
    def set_centres(self, centres: Tensor, temperature: float) -> None:
        """Take the directions of `centres` (K, E) as prototypes, and as all that is remembered."""
        prototypes = normalize(centres, dim=1)
        self.weight.copy_(prototypes / self.temperature)  # see `CosineHead.set_centres` for their length
        self.memory.copy_(prototypes.expand(_N_TEMPLATES, -1, -1))
        self.shift.zero_()
