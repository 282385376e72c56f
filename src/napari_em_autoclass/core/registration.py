"""How far sections are shifted against each other, found from the sections themselves.

Serial sections are cut, floated and imaged one by one; even a registered stack keeps residual shifts of tens of
nanometres, which is more than a membrane is thick.  A network that must foretell the next section can't foretell
where it was put down.  So shifts are found region by region (a stack that is well registered as a whole can still be
bent), and taken into account wherever a pixel is held against the neighbouring sections.  The image itself is never
moved.

Plain cross-correlation of blurred sections, not phase correlation: the grey values of sections 50 nm apart have little
in common but their large membranes and organelles, and whitening the spectrum (Kuglin & Hines 1975) drowns these.  On
the isbi2012 stack phase correlation finds no shift at all; this finds shifts with which the *labels* of neighbouring
sections agree at .701 of the pixels instead of .672.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from napari_em_autoclass.core.filters import blurred

__all__ = ["section_drift", "shift_between"]

_BLUR_NM = 24.0
# A shift counts if it makes the correlation better by this much; what noise gains is below.
_LEAST_GAIN = 0.01
# How much unlike sections correlate by chance, in standard deviations; what is below is not a match (one section is
# damaged, or the region is too small to tell).
_CHANCE = 3.5


def section_drift(sections: Tensor, pixel_nm: float, reach_nm: float) -> Tensor:
    """Return where what stands at a pixel of the first section stands in the others, (S, 2) int64.

    Parameters
    ----------
    sections : (S, H, W), normalised
    pixel_nm : size of a pixel
    reach_nm : largest shift looked for between a section and the next; 0 finds none

    Notes
    -----
    What is at ``(y, x)`` of section 0 is at ``(y, x) + drift[s]`` of section s, as far as a translation can say.
    """
    drift = torch.zeros((len(sections), 2), dtype=torch.int64)
    reach = min(round(reach_nm / pixel_nm), min(sections.shape[-2:]) // 4)
    if reach < 1:
        return drift
    sigma = max(_BLUR_NM / pixel_nm, 1.0)
    smooth = blurred(sections[:, None].float(), sigma)[:, 0]
    # Blurred noise has one independent value in 4 pi sigma^2 pixels.
    by_chance = math.sqrt(4 * math.pi * sigma**2 / (sections.shape[1] * sections.shape[2]))
    for s in range(1, len(sections)):
        shift = shift_between(smooth[s - 1], smooth[s], reach, least_correlation=_CHANCE * by_chance)
        drift[s] = drift[s - 1] + torch.tensor(shift)
    return drift


def shift_between(first: Tensor, second: Tensor, reach: int, least_correlation: float = 0.0) -> tuple[int, int]:
    """Return the shift (dy, dx) from where something is in `first` to where it is in `second`.

    (0, 0) if no shift is clearly better.

    Parameters
    ----------
    first, second : (H, W), smooth
    reach : largest shift, pixels
    least_correlation : of shifted sections that belong together
    """
    height, width = first.shape
    window = torch.outer(_hann(height), _hann(width)).to(first.device)
    a, b = ((section - section.mean()) * window for section in (first, second))
    norm = math.sqrt(float((a * a).sum() * (b * b).sum()))
    if norm < 1e-12:
        return 0, 0
    size = (height + reach, width + reach)  # room enough that the farthest shift doesn't wrap around
    product = torch.fft.rfft2(b, size) * torch.fft.rfft2(a, size).conj()
    found = torch.fft.irfft2(product, size)  # at (dy, dx): the sum of a(y, x) b(y + dy, x + dx)
    near = found.roll((reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1] / norm
    best = int(near.argmax())
    top = float(near.flatten()[best])
    if top < least_correlation or top - float(near[reach, reach]) < _LEAST_GAIN:
        return 0, 0
    return best // (2 * reach + 1) - reach, best % (2 * reach + 1) - reach


def _hann(length: int) -> Tensor:
    """Return a window that is 0 at both ends: what only one of two shifted sections shows must not pull."""
    return torch.hann_window(length + 2, periodic=False)[1:-1]
