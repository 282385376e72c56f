"""Make the section again: from its classes (W-Net's second half), or where it was hidden (a masked autoencoder).

The target is data, so neither can collapse.  Noise can't be foretold and would be most of an electron micrograph's
error, so the target is blurred a little.

Source: Xia, Kulis 2017 (W-Net), reconstruction loss; He et al. 2022, "Masked Autoencoders Are Scalable Vision
Learners", section 3, with normalised targets; formulas re-implemented.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from napari_em_autoclass.core.losses.base import (
    LossTerm,
    Part,
    Sizes,
    StepBatch,
    TermOut,
    TrainState,
    absent,
    log_probs,
)
from napari_em_autoclass.core.losses.decoder import Decoder
from napari_em_autoclass.core.losses.images import blurred_within, pooled

__all__ = ["Reconstruction", "mean_squared_error", "standardised_patches"]


def mean_squared_error(made: Tensor, target: Tensor, where: Tensor) -> Tensor:
    """Return the mean squared difference of `made` and `target` (B, h, w) over the pixels `where` (B, h, w) holds."""
    return (made[where] - target[where]).square().mean()


@torch.no_grad()
def standardised_patches(image: Tensor, mask: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return `image` (B, h, w) with mean 0 and unbiased variance 1 in each square patch.

    Returns
    -------
    Tensor, shape (B, h, w)
        0 where a patch is flat, and where it can't be standardised.
    Tensor, shape (B, h, w), bool
        Where it can: the valid pixels of patches that have two at least.
    """
    mean, share = pooled(image[:, None], mask, size)
    away = torch.where(mask, image - _spread_out(mean[:, 0], size, mask), 0.0)
    n = (share * size**2).round()  # valid pixels of each patch
    variance = pooled(away[:, None].square(), mask, size)[0][:, 0] * n / (n - 1).clamp(min=1)
    usable = mask & (_spread_out(n, size, mask) > 1)
    return torch.where(usable, away / (_spread_out(variance, size, mask) + 1e-6).sqrt(), 0.0), usable


def _spread_out(patches: Tensor, size: int, like: Tensor) -> Tensor:
    """Return each patch's number (B, h', w') at all of its pixels, cut to the size of `like` (B, h, w)."""
    h, w = like.shape[-2:]
    return patches.repeat_interleave(size, dim=1).repeat_interleave(size, dim=2)[:, :h, :w]


class Reconstruction(LossTerm):
    """Make the section again: which share of its brightness can't be told, from classes or where it was hidden.

    0 when all can be told; 1 when only the mean is known, which is all that is left when one class is everywhere or all
    pixels are undecided.  A network that has learned nothing yet may be above 1.

    Source: Xia, Kulis 2017 (W-Net); He et al. 2022 (MAE).
    """

    samples_pixels = True
    kind: Literal["reconstruction"] = "reconstruction"
    """Make the section again."""
    from_: Literal["classes", "hidden"] = "classes"
    """From the class of each pixel and those around it, or where blocks of the section were hidden."""
    blur: float = Field(1.0, ge=0, le=5, json_schema_extra={"step": 0.1})
    """How much the section is blurred that has to be made, in pixels; fine noise can't be foretold."""
    width: int = Field(16, ge=4, le=128)
    """Channels of the network that makes the section."""
    patch: int = Field(16, ge=4, le=64)
    """Side of the squares in which a hidden section is brought to one brightness and contrast, in pixels."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return frozenset({"sections", "logits" if self.from_ == "classes" else "masked"})

    def network(self, sizes: Sizes) -> nn.Module:
        """Return the network that makes sections."""
        return Decoder(sizes.n_classes if self.from_ == "classes" else sizes.n_features, 1, self.width)

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a scalar, 0 or more; 0 without images, or if nothing was hidden."""
        if batch.sections is None:
            return absent(batch)
        target = blurred_within(batch.sections[:, 0], batch.mask, self.blur)
        decoder = state.networks[self.kind]
        if self.from_ == "classes":
            return _from_classes(batch, decoder, target)
        return _from_hidden(batch, decoder, target, self.patch)


def _from_classes(batch: StepBatch, decoder: nn.Module, target: Tensor) -> TermOut:
    if not bool(batch.mask.any()):
        return absent(batch)
    made = decoder(log_probs(batch.logits).exp(), batch.mask)[:, 0]  # (B, h, w)
    # A section without contrast has nothing that could be told; it must not count a thousandfold.
    variance = target[batch.mask].var(correction=0).clamp(min=1e-2)
    return TermOut(mean_squared_error(made, target, batch.mask) / variance)


def _from_hidden(batch: StepBatch, decoder: nn.Module, target: Tensor, patch: int) -> TermOut:
    if "masked" not in batch.seen or batch.hidden is None:
        return absent(batch)
    target, usable = standardised_patches(target, batch.mask, patch)
    where = usable & batch.hidden
    if not bool(where.any()):
        return absent(batch)
    made = decoder(batch.seen["masked"].features, batch.mask)[:, 0]  # (B, h, w)
    return TermOut(mean_squared_error(made, target, where))
