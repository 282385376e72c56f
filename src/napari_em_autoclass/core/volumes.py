"""Several volumes in one run: how much of the training each gets, and in which order."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["Turns", "refuse_unlike", "section_offsets", "shares"]

# No volume gets less than this part of an equal share: a small one is there because it matters.
_FLOOR: Final = 0.5
_TURNS: Final = 120  # in a cycle
# Filters and network see working pixels: what is larger than this looks like another tissue to them.
_MOST_UNLIKE: Final = 1.5


def shares(sizes: Sequence[float]) -> tuple[float, ...]:
    """Return how much of the training each volume gets, in sum 1.

    In proportion to its size, but never less than half of what it would get if all had the same.
    """
    floor = _FLOOR / len(sizes)
    free = 1 - _FLOOR
    return tuple(floor + free * size / sum(sizes) for size in sizes)


class Turns:
    """Whose turn it is: number `index` is region number so and so of a volume.

    Parameters
    ----------
    counts : regions of each volume
    all_fit : whether all regions will be held, so that each must come once
    """

    def __init__(self, counts: Sequence[int], *, all_fit: bool) -> None:
        wanted = [count / sum(counts) for count in counts] if all_fit else list(shares(counts))
        length = sum(counts) if all_fit else (_TURNS if len(counts) > 1 else 1)
        given = [0] * len(counts)
        self._turns: list[tuple[int, int]] = []
        for i in range(length):
            # Who is furthest behind; the first one, if several are.
            lag = [share * (i + 1) - had for share, had in zip(wanted, given, strict=True)]
            still = [v for v, count in enumerate(counts) if not all_fit or given[v] < count]
            chosen = max(still, key=lag.__getitem__)
            self._turns.append((chosen, given[chosen]))
            given[chosen] += 1
        self._given = given

    def __getitem__(self, index: int) -> tuple[int, int]:
        """Return the volume, and the number of its region."""
        cycle, at = divmod(index, len(self._turns))
        volume, number = self._turns[at]
        return volume, cycle * self._given[volume] + number


def section_offsets(offsets: Sequence[int], gap_nm: float, other_gap_nm: float) -> tuple[int, ...]:
    """Return the offsets, in sections `other_gap_nm` apart, that come nearest to `offsets` of sections `gap_nm` apart.

    There are as many, each at least 1; two may be the same.
    """
    return tuple(max(1, round(offset * gap_nm / other_gap_nm)) for offset in offsets)


def refuse_unlike(workings: Sequence[WorkingVolume]) -> None:
    """Check that the volumes show the same tissue at about the same pixel size.

    Raises
    ------
    InputError
        If the working pixels of two volumes differ by more than half.
    """
    sizes = [math.prod(working.pixel_nm) ** 0.5 for working in workings]
    if max(sizes) > _MOST_UNLIKE * min(sizes):
        told = ", ".join(f"{w.volume.name} {size:g} nm" for w, size in zip(workings, sizes, strict=True))
        raise InputError(
            f"the volumes would be learned from at unlike pixel sizes ({told}); "
            f"set working_pixel_nm to that of the coarsest, {max(sizes):g}"
        )
