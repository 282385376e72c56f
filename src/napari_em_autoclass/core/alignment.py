"""How well the sections of a stack lie above each other, measured before anything is learned."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from napari_em_autoclass.core.registration import section_drift
from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from napari_em_autoclass.core.volume import Volume

__all__ = ["Alignment", "measure_alignment"]

_PIXEL_NM: Final = 8.0
_SIDE_NM: Final = 3000.0
_REACH_NM: Final = 480.0
_LIMIT: Final = 6.0  # spreads; dirt must not pull
#: A shift that is less than a membrane is thick harms nobody.
HARMLESS_NM: Final = 12.0


@dataclass(frozen=True, slots=True)
class Alignment:
    """Shifts between neighbouring sections, in nm: the median and the largest, the latter between `z` and ``z + 1``.

    `allowed_nm` is what the training finds and allows for.
    """

    typical_nm: float
    largest_nm: float
    z: int
    n_pairs: int
    allowed_nm: float

    @property
    def is_warning(self) -> bool:
        """Whether the user should know before learning."""
        return self.largest_nm > self.allowed_nm or self.typical_nm > 4 * HARMLESS_NM

    @property
    def sentence(self) -> str:
        """What was found, and what to do."""
        if not self.n_pairs:
            return "Too few sound sections to measure how they are aligned."
        where = f"{self.largest_nm:.0f} nm between sections {self.z} and {self.z + 1}"
        if self.largest_nm > self.allowed_nm:
            return f"Shifted by {where}, more than the {self.allowed_nm:.0f} nm allowed for: align the stack first."
        if self.typical_nm > HARMLESS_NM or self.largest_nm > 4 * HARMLESS_NM:
            return f"Shifted by {self.typical_nm:.0f} nm as a rule, at most {where}; this is allowed for."
        return f"Well aligned: shifts of {self.typical_nm:.0f} nm as a rule, at most {self.largest_nm:.0f} nm."


def measure_alignment(
    volume: Volume,
    allowed_nm: float = 160.0,
    left_out: Collection[int] = (),
    n_pairs: int = 16,
    report: Callable[[float], None] | None = None,
) -> Alignment:
    """Return how neighbouring sections are shifted, measured in the middle of pairs spread over the stack.

    Parameters
    ----------
    volume : of any size; some megabytes of it are read
    allowed_nm : the shift that the training allows for
    left_out : sections that say nothing, since they are damaged
    n_pairs : pairs measured at most
    report : called with the fraction done; may raise to end the measurement

    Raises
    ------
    InputError
        If the file can't be read.
    """
    depth = volume.shape_zyx[0]
    pairs = [z for z in range(depth - 1) if not {z, z + 1} & set(left_out)]
    chosen = [
        pairs[i] for i in sorted(set(np.linspace(0, len(pairs) - 1, min(n_pairs, len(pairs))).round().astype(int)))
    ]
    shifts: dict[int, float] = {}
    for i, z in enumerate(chosen):
        shifts[z] = _shift_nm(volume, z)
        if report is not None:
            report((i + 1) / len(chosen))
    if not shifts:
        return Alignment(0.0, 0.0, 0, 0, allowed_nm)
    worst = max(shifts, key=lambda z: shifts[z])
    return Alignment(float(np.median(list(shifts.values()))), shifts[worst], worst, len(shifts), allowed_nm)


def _shift_nm(volume: Volume, z: int) -> float:
    _, height, width = volume.shape_zyx
    size_y, size_x = volume.voxel_size_nm[1:]
    factor = max(1, round(_PIXEL_NM / ((size_y + size_x) / 2)))
    rows, columns = (
        max(min(length, round(_SIDE_NM / size)) // factor * factor, 1)
        for length, size in ((height, size_y), (width, size_x))
    )
    y0, x0 = (height - rows) // 2, (width - columns) // 2
    pair = np.nan_to_num(volume.read(Box(z, z + 2, y0, y0 + rows, x0, x0 + columns)).astype(np.float32))
    if min(rows, columns) >= factor > 1:
        pair = pair.reshape(2, rows // factor, factor, columns // factor, factor).mean(axis=(2, 4))
    median = np.median(pair, axis=(1, 2), keepdims=True)
    spread = np.maximum(np.percentile(np.abs(pair - median), 68, axis=(1, 2), keepdims=True), 1e-6)
    even = np.clip((pair - median) / spread, -_LIMIT, _LIMIT)
    dy, dx = section_drift(torch.from_numpy(even), factor * (size_y + size_x) / 2, _REACH_NM)[1].tolist()
    return math.hypot(dy * size_y, dx * size_x) * factor
