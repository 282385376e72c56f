"""Smooth class probabilities within structures and not across their borders: some mean-field steps.

Each pixel asks those around it, near and alike in grey value ones most, and leans towards what they say.  The kernel is
banded: pixels farther away than `reach_px` are not asked, so that the work grows with the image and blocks with that
much surroundings give the same, exactly, as the whole.

Source: Krähenbühl & Koltun, Efficient inference in fully connected CRFs with Gaussian edge potentials, NIPS 2011,
algorithm 1 with the Potts model, with a banded kernel in place of their lattice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Smoothing", "halo_px", "mean_field", "unary_of_classes"]


@dataclass(frozen=True, slots=True)
class Smoothing:
    """How strongly neighbours are asked.

    Parameters
    ----------
    steps : mean-field steps
    reach_px : how far is looked, pixels
    spread_px : standard deviation of nearness, pixels
    grey_spread : standard deviation of likeness, grey values of the image
    strength : how much all neighbours together count beside the pixel itself; 0 changes nothing

    Raises
    ------
    InputError
        If a number is out of range.
    """

    steps: int = 5
    reach_px: int = 4
    spread_px: float = 2.0
    grey_spread: float = 20.0
    strength: float = 3.0

    def __post_init__(self) -> None:
        """Check at the door, once."""
        if self.steps < 1 or not 1 <= self.reach_px <= 32:
            raise InputError(f"{self.steps} steps of reach {self.reach_px}: give 1 step or more, and 1 to 32 pixels")
        if min(self.spread_px, self.grey_spread) <= 0 or self.strength < 0:
            raise InputError("spreads must be positive, and the strength not negative")


def halo_px(smoothing: Smoothing) -> int:
    """Return how much around a block must be given for its inside to be as in the whole section, pixels."""
    return smoothing.steps * smoothing.reach_px


def mean_field(
    probs: NDArray[np.floating], image: NDArray[np.number], smoothing: Smoothing | None = None
) -> NDArray[np.float32]:
    """Return smoothed probabilities (K, h, w) float32 of a section.

    Parameters
    ----------
    probs : (K, h, w), sum to 1 over K
    image : (h, w) grey values
    smoothing : see `Smoothing`

    Raises
    ------
    InputError
        If the shapes differ.
    """
    how = smoothing or Smoothing()
    if probs.ndim != 3 or probs.shape[1:] != image.shape:
        raise InputError(
            f"probabilities {probs.shape} and image {image.shape} don't fit; they must be (K, h, w), (h, w)"
        )
    unary = np.log(np.maximum(probs, 1e-4), dtype=np.float32)
    kernel = list(_kernel(image.astype(np.float32), how))
    # Each pixel's weights sum to 1, so that the border of the image and thin structures are smoothed as much as others.
    total = np.full(image.shape, 1e-6, np.float32)
    for here, there, weight in kernel:
        total[here] += weight
        total[there] += weight
    found = _softmax(unary)
    for _ in range(how.steps):
        asked = np.zeros_like(unary)
        for here, there, weight in kernel:
            asked[:, *here] += weight * found[:, *there]
            asked[:, *there] += weight * found[:, *here]
        found = _softmax(unary + how.strength * asked / total)
    return found


def unary_of_classes(classes: NDArray[np.integer], n_classes: int, certainty: float = 0.7) -> NDArray[np.float32]:
    """Return probabilities (K, h, w) for a map of which only the classes 0..K are known; 0 says nothing.

    Parameters
    ----------
    classes : (h, w) integers
    n_classes : K
    certainty : probability of the class that is there, above 1 / K
    """
    rest = (1 - certainty) / max(n_classes - 1, 1)
    probs = np.full((n_classes, *classes.shape), rest, np.float32)
    for index in range(n_classes):
        probs[index][classes == index + 1] = certainty
    probs[:, classes == 0] = 1 / n_classes
    return probs


_Part = tuple[slice, slice]


def _kernel(image: NDArray[np.float32], how: Smoothing) -> Iterator[tuple[_Part, _Part, NDArray[np.float32]]]:
    """Yield for each direction the part of the section that asks, the part that is asked, and the weights."""
    height, width = image.shape
    reach = how.reach_px
    # Half of the directions: the others are these, seen from the other side.
    for dy in range(reach + 1):
        for dx in range(-reach, reach + 1):
            near = dy * dy + dx * dx
            if (dy == 0 and dx <= 0) or near > reach * reach or dy >= height or abs(dx) >= width:
                continue
            here = (slice(dy, height), slice(max(dx, 0), width + min(dx, 0)))
            there = (slice(0, height - dy), slice(max(-dx, 0), width + min(-dx, 0)))
            unlike = (image[here] - image[there]) / np.float32(how.grey_spread)
            yield here, there, np.exp(-near / (2 * how.spread_px**2) - unlike * unlike / 2, dtype=np.float32)


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    shifted = np.exp(logits - logits.max(axis=0))
    normalised: NDArray[np.float32] = shifted / shifted.sum(axis=0)
    return normalised
