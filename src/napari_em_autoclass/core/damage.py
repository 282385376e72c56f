"""Damaged sections of a stack: blank, torn, folded, blurred or dirty ones, found from the sections themselves.

A section that looks like neither of its neighbours teaches nothing about them, and a network that must foretell it
learns to foretell dirt.  So such sections are left out of the training: none stands in the middle of a tile, and as a
neighbour it is not foretold.  They are classified all the same, as well as they can be.

Only patches of each section are read, block by block, so that a stack of any size takes seconds; damage that misses
every patch is missed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from napari_em_autoclass.core.chunk_grid import chunk_grid
from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray

    from napari_em_autoclass.core.volume import Volume

__all__ = ["Damage", "find_damage", "runs_of", "sections_from", "sections_text"]

_SIDE_PX: Final = 256
_DEEP: Final = 400  # sections
_BLOCK: Final = 32  # sections read at once
_DEEPEST_BLOCK: Final = 128
_PIXEL_NM: Final = 16.0  # sections are compared at this pixel size: noise differs from section to section
# An outlier lies this many median absolute deviations below the sections around it, and at least so far: in a very
# even stack a harmless difference is many deviations.
_DEVIATIONS: Final = 4.0
_LEAST_CORRELATION_DROP: Final = 0.08
_LEAST_BLUR: Final = 0.35  # of the logarithm of the sharpness
_LEAST_SATURATED: Final = 0.2
_AROUND: Final = 25  # sections on either side; tissue changes along z
_FEWEST: Final = 7  # sections, to tell an outlier
_FILLED_SHARE: Final = 0.05  # of one value that is the lowest or the highest
_BLANK_SHARE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Damage:
    """What was found: the reason ("blank", "unlike its neighbours", ...) by section number.

    `n_checked` of `n_sections` sections were looked at before the time was over.
    """

    reasons: dict[int, str]
    n_checked: int
    n_sections: int

    @property
    def sections(self) -> tuple[int, ...]:
        """The damaged sections, ascending; the first section of the stack is 0."""
        return tuple(sorted(self.reasons))

    @property
    def sentence(self) -> str:
        """What was found, for people."""
        part = "" if self.n_checked == self.n_sections else f" (of {self.n_checked} sections that were looked at)"
        if not self.reasons:
            return f"No damaged section found{part}."
        noun, verb = ("Section", "looks") if len(self.reasons) == 1 else ("Sections", "look")
        return f"{noun} {sections_text(self.sections)} {verb} damaged{part}."


def find_damage(volume: Volume, budget_s: float = 20.0, report: Callable[[float], None] | None = None) -> Damage:
    """Return the sections of `volume` that look damaged.

    A section is damaged if it is blank; if its correlation with the nearest sections on both sides is far below what is
    usual around it; if it is far blurrier than those around it; or if far more of it is black or white.

    Parameters
    ----------
    volume : of any size
    budget_s : after so many seconds no more sections are read
    report : called with the fraction done; may raise to end the search

    Raises
    ------
    InputError
        If the file can't be read.

    Notes
    -----
    The rule of median - 4 MAD is applied to the sections around, so that a stack may change along z.
    """
    depth = volume.shape_zyx[0]
    until = time.monotonic() + budget_s
    seen = _Sections(depth)
    for z0, z1 in _blocks(volume):
        if time.monotonic() > until:
            break
        seen.add(z0, _patches(volume, z0, z1))
        if report is not None:
            report(z1 / depth)
    return Damage(seen.reasons(), seen.n_checked, depth)


def _blocks(volume: Volume) -> list[tuple[int, int]]:
    """Return the sections (first, end) to read at once: those that share chunks, which cost the same as one of them."""
    grid, depth = chunk_grid(volume.data), volume.shape_zyx[0]
    if grid is not None and _BLOCK <= grid.sizes[0] <= _DEEPEST_BLOCK:
        return grid.cuts(0, 0, depth)
    return [(z, min(z + _BLOCK, depth)) for z in range(0, depth, _BLOCK)]


def sections_text(sections: Collection[int]) -> str:
    """Return section numbers as people write them: "3, 7-9"."""
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs_of(sections))


def runs_of(sections: Collection[int]) -> list[tuple[int, int]]:
    """Return the (first, last) of each run of consecutive numbers."""
    runs: list[tuple[int, int]] = []
    for z in sorted(set(sections)):
        runs[-1:] = [(runs[-1][0], z)] if runs and runs[-1][1] == z - 1 else [*runs[-1:], (z, z)]
    return runs


def sections_from(text: str, n_sections: int) -> tuple[int, ...]:
    """Return the section numbers written as "3, 7-9"; nothing for an empty text.

    Raises
    ------
    InputError
        If it is anything else, or the stack has no such section.
    """
    from napari_em_autoclass.core.errors import InputError  # noqa: PLC0415

    found: set[int] = set()
    for part in text.replace(";", ",").replace(":", "-").replace("–", "-").split(","):
        if not part.strip():
            continue
        bounds = [end.strip() for end in part.split("-")]
        if len(bounds) > 2 or not all(end.isdecimal() for end in bounds) or int(bounds[0]) > int(bounds[-1]):
            raise InputError(f"{text!r} are not section numbers; write e.g. 3, 7-9")
        if int(bounds[-1]) >= n_sections:
            raise InputError(f"there is no section {bounds[-1]}: the stack has 0 to {n_sections - 1}")
        found.update(range(int(bounds[0]), int(bounds[-1]) + 1))
    return tuple(sorted(found))


class _Sections:
    """What is known of each section: NaN where it was not looked at, or has no such neighbour."""

    def __init__(self, depth: int) -> None:
        self.n_checked = 0
        self._blank = np.zeros(depth, bool)
        self._saturated = np.full(depth, np.nan)
        self._sharpness = np.full(depth, np.nan)
        self._with_next = np.full((2, depth), np.nan)  # correlation with section z + 1, and with z + 2
        self._last: NDArray[np.float32] | None = None  # the last two sections of the block before

    def add(self, z0: int, patches: NDArray[np.float32]) -> None:
        """Take up the patches (S, P, h, w) of the sections from `z0` on."""
        for i, section in enumerate(patches):
            self._saturated[z0 + i], self._blank[z0 + i] = _saturation(section)
        even = np.stack([_standardised(section) for section in patches])  # (S, P, h, w)
        for i, section in enumerate(even):
            self._sharpness[z0 + i] = _sharpness(section)
        flat = even.reshape(len(even), -1)  # (S, N)
        known = flat if self._last is None else np.concatenate([self._last, flat])
        first = z0 - (len(known) - len(flat))
        for distance in (1, 2):
            products = (known[:-distance] * known[distance:]).mean(axis=1)
            self._with_next[distance - 1, first : first + len(products)] = products
        self._last = known[-2:]
        self.n_checked += len(patches)

    def reasons(self) -> dict[int, str]:
        """Return why each damaged section is one."""
        found = dict.fromkeys(map(int, np.flatnonzero(self._blank)), "blank")
        # Blank sections are no measure of what is usual.
        for values, least, reason in (
            (-self._saturated, _LEAST_SATURATED, "saturated"),
            (self._likeness(), _LEAST_CORRELATION_DROP, "unlike its neighbours"),
            (self._sharpness, _LEAST_BLUR, "blurred"),
        ):
            for z in np.flatnonzero(_far_below(np.where(self._blank, np.nan, values), least)):
                found.setdefault(int(z), reason)
        # Where most of a stack is unlike the rest of it, nothing says which is the damaged part.
        return found if 2 * len(found) <= len(self._blank) else {}

    def _likeness(self) -> NDArray[np.float64]:
        """Return how much each section resembles the more similar of the two on either side."""
        one, two = self._with_next
        depth = len(one)
        near = np.full((4, depth), np.nan)
        near[0, : depth - 1], near[1, 1:] = one[: depth - 1], one[: depth - 1]
        # A good section between two damaged ones, and the last one beside a damaged one, has but those beyond.
        if depth > 2:
            near[2, : depth - 2], near[3, 2:] = two[: depth - 2], two[: depth - 2]
        known = np.isfinite(near).any(axis=0)
        best = np.full(depth, np.nan)
        best[known] = np.nanmax(near[:, known], axis=0)
        return best


def _far_below(values: NDArray[np.float64], least: float) -> NDArray[np.bool_]:
    """Return where a value is an outlier to the low side among those around it."""
    out = np.zeros(len(values), bool)
    for z in np.flatnonzero(np.isfinite(values)):
        around = values[max(z - _AROUND, 0) : z + _AROUND + 1]
        around = around[np.isfinite(around)]
        if len(around) < _FEWEST:
            continue
        median = np.median(around)
        deviation = np.median(np.abs(around - median))
        # The first and the last section have neighbours on one side only, the less similar one as often as not.
        doubt = 2.0 if z in (0, len(values) - 1) else 1.0
        out[z] = values[z] < median - doubt * max(_DEVIATIONS * deviation, least)
    return out


def _patches(volume: Volume, z0: int, z1: int) -> NDArray[np.float32]:
    """Return patches (S, P, h, w) of the sections, binned to about `_PIXEL_NM`: all of a small section, else five."""
    depth, height, width = volume.shape_zyx
    # Of a deep stack less of each section, so that all of it stays a matter of seconds.
    side = _SIDE_PX if depth <= _DEEP else _SIDE_PX // 2
    if height * width <= 5 * side * side:
        corners, h, w = [(0, 0)], height, width
    else:
        h, w = min(side, height), min(side, width)
        rows, columns = ((height - h) // 6, (height - h) * 5 // 6), ((width - w) // 6, (width - w) * 5 // 6)
        corners = [(y, x) for y in rows for x in columns] + [((height - h) // 2, (width - w) // 2)]
    blocks = [volume.read(Box(z0, z1, y, y + h, x, x + w)) for y, x in corners]
    return np.stack([_binned(block, volume.voxel_size_nm[1:]) for block in blocks], axis=1)


def _binned(block: NDArray[np.generic], pixel_nm: tuple[float, ...]) -> NDArray[np.float32]:
    _, height, width = block.shape
    factors = [max(1, round(_PIXEL_NM / size)) for size in pixel_nm]
    fy, fx = (min(factor, max(side // 8, 1)) for factor, side in zip(factors, (height, width), strict=True))
    rows, columns = height // fy, width // fx
    total = np.zeros((len(block), rows, columns), np.float32)
    for y in range(fy):
        for x in range(fx):
            total += block[:, y : rows * fy : fy, x : columns * fx : fx]
    means: NDArray[np.float32] = np.nan_to_num(total / np.float32(fy * fx), copy=False, posinf=0.0, neginf=0.0)
    return means


def _standardised(section: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the section with mean 0 and deviation 1, and 0 where it was filled up; NaN for a section of one value."""
    is_tissue = np.ones(section.shape, bool)
    for end in (section.min(), section.max()):
        filled = section == end
        if filled.mean() > _FILLED_SHARE:  # as aligned stacks are, around the tissue
            is_tissue &= ~filled
    tissue = section[is_tissue]
    if not tissue.size or float(tissue.std()) <= 1e-6:
        return np.full(section.shape, np.nan, np.float32)
    even: NDArray[np.float32] = np.where(is_tissue, (section - tissue.mean()) / tissue.std(), np.float32(0))
    return even


def _saturation(section: NDArray[np.float32]) -> tuple[float, bool]:
    """Return the share of pixels at the darkest or the brightest value, and whether one value is nearly all."""
    low, high = section.min(), section.max()
    if high - low <= 1e-6:
        return 1.0, True
    shares = (float((section == low).mean()), float((section == high).mean()))
    return sum(shares), max(shares) > _BLANK_SHARE


def _sharpness(even: NDArray[np.float32]) -> float:
    """Return the logarithm of the mean bend from pixel to pixel, in deviations of the section."""
    bends = np.abs(np.diff(even, 2, axis=-1)).mean() + np.abs(np.diff(even, 2, axis=-2)).mean()
    return float(np.log(max(float(bends), 1e-6))) if np.isfinite(bends) else float("nan")
