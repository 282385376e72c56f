"""The plain head: a class is a linear function of the embedding, and begins as the nearest-centre rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LinearHead", "pointwise"]


def pointwise(layer: nn.Conv2d, pixels: Tensor) -> Tensor:
    """Return what a convolution of 1 x 1 pixel makes of `pixels` (..., C), shape (..., D).

    As one matrix product: faster on a processor where a pixel's channels lie side by side, above all backward.
    """
    return linear(pixels, layer.weight[:, :, 0, 0], layer.bias)


class LinearHead(nn.Conv2d):
    """Give each pixel logits that are linear in its embedding.

    Parameters
    ----------
    n_embedding : E
    n_classes : K
    """

    def __init__(self, n_embedding: int, n_classes: int) -> None:
        super().__init__(n_embedding, n_classes, 1)

    def classify(self, parts: Sequence[Tensor], widths: Sequence[int], mean: Tensor, scale: Tensor) -> Tensor:
        """Return logits (..., K) of an embedding that is given in parts and not yet standardised.

        The scale (E,) goes into the weights, and the parts are never joined: both would write the embedding once more.
        The mean (E,) does not: in the bias it would take off most of the digits again.

        Parameters
        ----------
        parts, widths : (..., E1), (..., E2), and E1, E2, which a trace is not to read off their shapes
        mean, scale : (E,)
        """
        total: Tensor | None = None
        begin = 0
        for part, width in zip(parts, widths, strict=True):
            own = slice(begin, begin + width)
            weight = self.weight[:, own, 0, 0] / scale[own]  # (K, width)
            made = linear(part - mean[own], weight, self.bias if total is None else None)
            total, begin = made if total is None else total + made, begin + width
        assert total is not None, "an embedding has parts"
        return total

    @torch.no_grad()
    def set_centres(self, centres: Tensor, temperature: float) -> None:
        """Become the nearest-centre rule for `centres` (K, E): minus half the squared distance over `temperature`."""
        self.weight.copy_((centres / temperature)[:, :, None, None])
        assert self.bias is not None
        self.bias.copy_(-0.5 * (centres**2).sum(dim=1) / temperature)
