"""Smooth an embedding along structures and not across their borders.

A bilateral filter whose similarity is that of the embedding itself: a pixel is averaged with those around it that mean
much the same, so that grain inside a structure goes while a membrane two pixels wide stays.  Clusters of the smoothed
embedding follow structures a little more and grey values less (merged mIoU of k-means with K = 20 on the same features:
isbi2012 .540 -> .548 and .553 -> .558, FlyEM .738 -> .754 on one network and .725 -> .725 on another); a plain Gaussian
makes them worse at every width tried (0.7 to 2 px).

Source: Tomasi and Manduchi, Bilateral filtering for gray and color images, ICCV 1998.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["smoothed", "smoothing_steps_px"]

# Standard deviation of the similarity; the whole embedding has a variance of 1.
_SPREAD = 0.3
# Similarity is measured along so many principal axes, which hold 96 to 97 % of the variance at a fifth of the cost.
_AXES = 24


def smoothing_steps_px(reach_nm: float, pixel_nm: float) -> tuple[int, ...]:
    """Return the distances at which neighbours are looked at: the reach, and halves of it down to a pixel.

    0 nm gives none.
    """
    step = round(reach_nm / pixel_nm)
    steps = []
    while step >= 1:
        steps.append(step)
        step //= 2
    return tuple(reversed(steps))


def smoothed(values: Tensor, embedding: Tensor, steps_px: tuple[int, ...]) -> Tensor:
    """Return `values` (C, h, w), each pixel averaged with those at `steps_px` in eight directions that are like it.

    Parameters
    ----------
    values : what to smooth: the embedding itself, or anything linear in it, which comes to the same
    embedding : (E, h, w), of total variance 1 over a stack; tells what is like what
    steps_px : see `smoothing_steps_px`; empty changes nothing
    """
    # Channels last: a pixel's numbers lie side by side, which is what both the distance and the sum run over.
    pixels = values.movedim(0, -1).contiguous()  # (h, w, C)
    axes = _principal(embedding.flatten(1)).reshape(-1, *embedding.shape[1:]).movedim(0, -1).contiguous()
    height, width = pixels.shape[:2]
    total, weight = pixels.clone(), torch.ones((height, width), device=pixels.device)
    for step in steps_px:
        for dy, dx in ((step, 0), (0, step), (step, step), (step, -step)):
            if dy >= height or abs(dx) >= width:
                continue
            here = (slice(dy, height), slice(max(dx, 0), width + min(dx, 0)))
            there = (slice(0, height - dy), slice(max(-dx, 0), width + min(-dx, 0)))
            difference = axes[here] - axes[there]
            alike = torch.exp((difference * difference).sum(dim=-1) / (-2 * _SPREAD**2))  # (h - dy, w - |dx|)
            total[here] += alike[..., None] * pixels[there]
            total[there] += alike[..., None] * pixels[here]
            weight[here] += alike
            weight[there] += alike
    return (total / weight[..., None]).movedim(-1, 0)


def _principal(embedding: Tensor) -> Tensor:
    """Return `embedding` (E, N) along its first principal axes, (P, N)."""
    if len(embedding) <= _AXES:
        return embedding
    some = embedding[:, :: max(1, embedding.shape[1] // 8192)].double()
    # On the processor: a matrix of a hundred rows isn't worth a graphics card, and not every one has this function.
    vectors = torch.linalg.eigh(torch.cov(some).cpu())[1][:, -_AXES:]  # (E, P)
    return torch.as_tensor(vectors.to(embedding).T @ embedding)
