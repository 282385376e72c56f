"""A pyramid of a label map, built block by block: labels are chosen, never averaged."""

from __future__ import annotations

from itertools import combinations, product
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["boxes", "build_level", "level_factors", "most_frequent"]

_COARSEST_PX = 256
_MOST_LEVELS = 10

Factors = tuple[int, int, int]


def level_factors(shape_zyx: tuple[int, int, int], voxel_size_nm: tuple[float, float, float]) -> list[Factors]:
    """Return how many voxels of level 0 a voxel of each level spans along z, y, x; the first is (1, 1, 1).

    Each level halves the axes whose voxels are less than twice as long as the shortest, so that thick sections are
    kept until y and x have caught up. The coarsest level is at most 256 wide and high.
    """
    levels: list[Factors] = [(1, 1, 1)]
    while len(levels) < _MOST_LEVELS:
        last = levels[-1]
        shape = [-(-n // f) for n, f in zip(shape_zyx, last, strict=True)]
        if max(shape[1:]) <= _COARSEST_PX:
            break
        spacing = [size * f for size, f in zip(voxel_size_nm, last, strict=True)]
        halved = [n > 1 and size < 2 * min(spacing[1:]) for n, size in zip(shape, spacing, strict=True)]
        z, y, x = (f * (2 if halve else 1) for f, halve in zip(last, halved, strict=True))
        levels.append((z, y, x))
    return levels


def most_frequent(labels: np.ndarray[Any, Any], factors: Factors) -> np.ndarray[Any, Any]:
    """Return the most frequent label of each cell of `factors` (1 or 2 an axis); the first of equals.

    Parameters
    ----------
    labels : (z, y, x) of any integer dtype; a last half cell is completed by repeating the edge
    factors : voxels in a cell along z, y, x
    """
    padding = [(0, -n % f) for n, f in zip(labels.shape, factors, strict=True)]
    padded = np.pad(labels, padding, mode="edge")
    members = [
        padded[z :: factors[0], y :: factors[1], x :: factors[2]] for z, y, x in product(*(range(f) for f in factors))
    ]
    # Counting equal pairs needs no sort and no table of K classes: 6 comparisons for 4 voxels, 28 for 8.
    counts = [np.zeros(member.shape, np.uint8) for member in members]
    for i, j in combinations(range(len(members)), 2):
        same = members[i] == members[j]
        counts[i] += same
        counts[j] += same
    best, most = members[0].copy(), counts[0]
    for member, count in zip(members[1:], counts[1:], strict=True):
        better = count > most
        best[better] = member[better]
        most = np.maximum(most, count)
    return best


def build_level(finer: Any, coarser: Any, factors: Factors) -> None:
    """Fill the Zarr array `coarser` from `finer`, a chunk at a time; `factors` (1 or 2) lie between the two."""
    for box in boxes(coarser.shape, coarser.chunks):
        key = tuple(slice(part.start * f, part.stop * f) for part, f in zip(box.slices, factors, strict=True))
        coarser[box.slices] = most_frequent(np.asarray(finer[key]), factors)


def boxes(shape_zyx: tuple[int, ...], size_zyx: tuple[int, ...]) -> Iterator[Box]:
    """Give the boxes of at most `size_zyx` that fill `shape_zyx`, z slowest."""
    starts = (range(0, n, step) for n, step in zip(shape_zyx, size_zyx, strict=True))
    for z, y, x in product(*starts):
        yield Box(z, z + size_zyx[0], y, y + size_zyx[1], x, x + size_zyx[2]).clipped(
            (shape_zyx[0], shape_zyx[1], shape_zyx[2])
        )
