"""Slot attention as a class head: class centres that adapt to the tile they are used on.

Each class has a query vector of its own, so a slot means the same in every tile; attention that lets the slots compete
for pixels moves it towards what the class looks like here (another contrast, another staining).  How far it follows is
learned, and begins at not at all, where the head is the nearest-centre rule.

Slots adapt to the tile in training.  In evaluation mode they stay at the running mean of where they went, as batch norm
does: a class map must not depend on how a section is cut into tiles.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["SlotHead", "attention"]

_WIDTH = 32
# Slots are means over thousands of pixels; every second row and column is enough, at a quarter of the cost.
_EVERY = 2
_MOMENTUM = 0.1


def attention(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Return (A, W) of `scores` (B, N, K): A sums to 1 over slots (they compete), W is A brought to sum 1 over pixels.

    Source: Locatello et al. 2020, algorithm 1.
    """
    shares = scores.softmax(dim=2)
    raised = shares + 1e-8
    return shares, raised / raised.sum(dim=1, keepdim=True)


class SlotHead(nn.Module):
    """Give each pixel its nearness to K slots, which adapt to the tile in training.

    Parameters
    ----------
    n_embedding : E
    n_classes : K, the number of slots
    iterations : rounds of attention

    Notes
    -----
    Source: Locatello et al. 2020 (Slot Attention), with a learned vector per slot instead of shared noise, no position,
    and a gate between the fixed slots and the adapted ones.
    """

    def __init__(self, n_embedding: int, n_classes: int, iterations: int = 1) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.iterations = n_embedding, n_classes, iterations
        # Slots over temperature: a step of the optimiser then moves them as fast as the linear head's weights.
        self.weight = nn.Parameter(torch.randn(n_classes, n_embedding) * n_embedding**-0.5)
        self.gate = nn.Parameter(torch.zeros(()))
        self.norm_pixels, self.norm_slots, self.norm_out = (nn.LayerNorm(n_embedding) for _ in range(3))
        self.to_query = nn.Linear(n_embedding, _WIDTH, bias=False)
        self.to_key = nn.Linear(n_embedding, _WIDTH, bias=False)
        self.to_value = nn.Linear(n_embedding, n_embedding, bias=False)
        self.memory = nn.GRUCell(n_embedding, n_embedding)
        self.mlp = nn.Sequential(
            nn.Linear(n_embedding, 2 * n_embedding), nn.ReLU(inplace=True), nn.Linear(2 * n_embedding, n_embedding)
        )
        self.temperature: Tensor
        self.shift: Tensor
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("shift", torch.zeros(n_classes, n_embedding))

    def forward(self, embedding: Tensor) -> Tensor:
        """Return logits (N, K, h, w) of an embedding (N, E, h, w): as the linear head's, for the slots of now."""
        # A weighted sum over thousands of pixels is more than half precision holds.
        with torch.autocast(embedding.device.type, enabled=False):
            pixels = embedding.float()
            own = self.weight * self.temperature  # (K, E)
            if self.training:
                moved = self.gate * (self.adapted(pixels[..., ::_EVERY, ::_EVERY], own) - own)  # (N, K, E)
                with torch.no_grad():
                    self.shift.lerp_(moved.mean(dim=0), _MOMENTUM)
            else:
                moved = self.shift[None]
            slots = own + moved  # (N or 1, K, E)
            scores = torch.einsum("nehw,nke->nkhw", pixels, slots.expand(len(pixels), -1, -1))
            return (scores - 0.5 * (slots**2).sum(dim=2)[..., None, None]) / self.temperature

    def adapted(self, embedding: Tensor, slots: Tensor) -> Tensor:
        """Return the slots (N, K, E) that `slots` (K, E) become by attention to each of N tiles (N, E, h, w)."""
        n, k = len(embedding), len(slots)
        pixels = self.norm_pixels(embedding.flatten(2).mT)  # (N, P, E)
        adapted = slots.expand(n, -1, -1)
        for _ in range(self.iterations):
            # Keys and values are linear in the pixels, so their matrices are multiplied to the few slots instead.
            queries = self.to_query(self.norm_slots(adapted)) @ self.to_key.weight  # (N, K, E)
            _, weights = attention(pixels @ queries.mT / _WIDTH**0.5)  # (N, P, K)
            update = self.to_value(weights.mT @ pixels)  # (N, K, E)
            adapted = self.memory(update.flatten(0, 1), adapted.flatten(0, 1)).reshape(n, k, -1)
            adapted = adapted + self.mlp(self.norm_out(adapted))
        return adapted

    @torch.no_grad()
    def set_centres(self, centres: Tensor, temperature: float) -> None:
        """Become the nearest-centre rule for `centres` (K, E), from which the slots then adapt anew."""
        self.weight.copy_(centres / temperature)
        self.temperature.fill_(temperature)
        self.gate.zero_()
        self.shift.zero_()
