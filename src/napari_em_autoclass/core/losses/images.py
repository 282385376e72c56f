"""What the terms that look at images share: sections and maps whose masked pixels are as if they were not there."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from napari_em_autoclass.core.filters import FilterBank, blurred
from napari_em_autoclass.core.losses.pairs import rows_at

__all__ = ["blurred_within", "filled", "filter_rows", "pooled", "wide", "within"]

# A blur that has seen less than this share of valid pixels says nothing.
_TOO_FEW = 1e-3
_FILL_PX = 4.0


def wide(values: Tensor) -> Tensor:
    """Return `values` in float32; float64 stays."""
    return values if values.dtype == torch.float64 else values.float()


def within(values: Tensor, mask: Tensor) -> Tensor:
    """Return `values` (B, C, h, w) in float32 (float64 stays), and 0 where `mask` (B, h, w) does not hold."""
    return torch.where(mask[:, None], wide(values), 0.0)


@torch.no_grad()
def blurred_within(image: Tensor, mask: Tensor, sigma: float) -> Tensor:
    """Return `image` (B, h, w) blurred by a Gaussian of `sigma` pixels over the pixels of `mask` alone; 0 outside."""
    if sigma <= 0:
        return torch.where(mask, wide(image), 0.0)
    return torch.where(mask, _smooth(image, mask, sigma)[0], 0.0)


@torch.no_grad()
def filled(image: Tensor, mask: Tensor) -> Tensor:
    """Return `image` (B, h, w) with smooth values, made from its valid pixels, where `mask` does not hold.

    Filters may then look beyond the mask without seeing an edge there.
    """
    near, weight = _smooth(image, mask, _FILL_PX)
    kept = torch.where(mask, wide(image), 0.0)
    mean = kept.sum(dim=(1, 2)) / mask.sum(dim=(1, 2)).clamp(min=1)  # (B,)
    return torch.where(mask, kept, torch.where(weight > _TOO_FEW, near, mean[:, None, None]))


@torch.no_grad()
def filter_rows(
    images: Tensor, mask: Tensor, places: Tensor, scales_nm: tuple[float, ...], spacing_nm: tuple[float, float]
) -> Tensor:
    """Return responses (n, C) of the fixed filter bank at places in sections (B, h, w), standardised over the places.

    Parameters
    ----------
    images, mask : of one shape
    places : (n,) int64, into the flattened B x h x w
    scales_nm : of the filters; below a pixel they are raised to it
    spacing_nm : as in `StepBatch`; the second number is a pixel
    """
    scales_px = sorted({max(1.0, scale / spacing_nm[1]) for scale in scales_nm})
    rows = rows_at(FilterBank(tuple(scales_px))(filled(images, mask)[:, None]), places)  # (n, C)
    rows = rows - rows.mean(dim=0)
    return rows / rows.square().mean(dim=0).sqrt().clamp(min=1e-4)


def pooled(values: Tensor, mask: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return means (B, C, ⌈h/size⌉, ⌈w/size⌉) of `values` (B, C, h, w) over the valid pixels of each square block.

    Returns
    -------
    Tensor
        The means; 0 where no pixel is valid.
    Tensor, shape (B, ⌈h/size⌉, ⌈w/size⌉)
        Which share of each block is valid, 0 to 1.
    """
    weight = mask[:, None].to(wide(values).dtype)
    share = _block_means(weight, size)
    return _block_means(within(values, mask), size) / share.clamp(min=0.5 / size**2), share[:, 0]


def _block_means(values: Tensor, size: int) -> Tensor:
    h, w = values.shape[-2:]
    return avg_pool2d(pad(values, (0, -w % size, 0, -h % size)), size)


def _smooth(image: Tensor, mask: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Return the mean of the valid pixels under a Gaussian, and their share of its weight, both (B, h, w)."""
    values = wide(image)
    weight = blurred(mask[:, None].to(values.dtype), sigma)[:, 0]
    total = blurred(torch.where(mask, values, 0.0)[:, None], sigma)[:, 0]
    return total / weight.clamp(min=1e-6), weight
