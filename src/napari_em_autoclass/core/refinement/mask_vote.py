"""Masks of any tool (SAM, micro-sam, a watershed) vote: the class of a whole mask, with the mask's crisp border.

Masks are an integer image: the tool itself is never needed here.

Source: Kirillov et al., Segment Anything, ICCV 2023, for what makes the masks; the vote is our own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["MaskVotes", "voted"]

# Masks times classes: 800 MB of sums.
_MOST_SUMS: Final = 10**8


class MaskVotes:
    """Sums up what lies in each mask, block by block.

    Parameters
    ----------
    n_classes : K
    """

    def __init__(self, n_classes: int) -> None:
        self._sums = np.zeros((1, n_classes + 1))
        self._pixels = np.zeros(1, np.int64)

    def add(self, masks: NDArray[Any], probs: NDArray[Any]) -> None:
        """Count a block.

        Parameters
        ----------
        masks : any shape, integers; 0 is no mask
        probs : (K, then the shape of `masks`), probability of each class, uint8 (255 = certain) or floats 0 to 1

        Raises
        ------
        InputError
            If shapes differ, ids are negative, or there are too many masks to hold a sum for each.
        """
        n_classes = self._sums.shape[1] - 1
        if probs.shape != (n_classes, *masks.shape):
            raise InputError(f"masks {masks.shape} and probabilities {probs.shape} of {n_classes} classes don't fit")
        self._grow(masks)
        ids = masks.ravel()
        scale = 255.0 if probs.dtype.kind in "iu" else 1.0
        self._pixels += np.bincount(ids, minlength=len(self._pixels))
        for index, prob in enumerate(probs, start=1):
            self._sums[:, index] += np.bincount(ids, prob.ravel(), len(self._sums)) / scale

    def add_classes(self, masks: NDArray[Any], classes: NDArray[Any]) -> None:
        """Count a block of which only the classes (0..K, shape of `masks`) are known: each is certain.

        Raises
        ------
        InputError
            If shapes differ, an id is negative or above K, or there are too many masks.
        """
        n_classes = self._sums.shape[1] - 1
        if classes.shape != masks.shape:
            raise InputError(f"masks {masks.shape} and class map {classes.shape} differ in shape")
        if classes.size and not 0 <= int(classes.min()) <= int(classes.max()) <= n_classes:
            raise InputError(f"classes outside 0 to {n_classes}")
        self._grow(masks)
        flat = masks.ravel().astype(np.int64) * (n_classes + 1) + classes.ravel()
        self._sums += np.bincount(flat, minlength=self._sums.size).reshape(self._sums.shape)
        self._pixels += np.bincount(masks.ravel(), minlength=len(self._pixels))

    def winners(self, least: float = 0.5) -> NDArray[np.uint8]:
        """Return the class of each mask (M + 1,) whose mean probability in it is above `least`, else 0."""
        means = self._sums[:, 1:] / np.maximum(self._pixels, 1)[:, None]
        won = np.where(means.max(axis=1) > least, means.argmax(axis=1) + 1, 0).astype(np.uint8)
        won[0] = 0
        return won

    def _grow(self, masks: NDArray[Any]) -> None:
        if masks.dtype.kind not in "iu" or (masks.size and int(masks.min()) < 0):
            raise InputError(f"masks of {masks.dtype} with negative or broken ids; 0 is no mask, 1, 2, ... are masks")
        n_masks = int(masks.max(initial=0)) + 1
        if n_masks * self._sums.shape[1] > _MOST_SUMS:
            raise InputError(f"mask id {n_masks - 1} is too large; number the masks 1, 2, 3, ...")
        if n_masks > len(self._pixels):
            more = n_masks - len(self._pixels)
            self._sums = np.pad(self._sums, ((0, more), (0, 0)))
            self._pixels = np.pad(self._pixels, (0, more))


def voted(masks: NDArray[Any], classes: NDArray[np.uint8], winners: Iterable[int]) -> NDArray[np.uint8]:
    """Return `classes` with each mask that has a winner filled by it; all other pixels stay untouched.

    Parameters
    ----------
    masks : any shape, integers; 0 is no mask
    classes : the same shape
    winners : from `MaskVotes.winners`
    """
    won = np.asarray(winners, np.uint8)[masks]
    return np.where(won > 0, won, classes)
