"""The volume as the network sees it: normalised, and binned to the working pixel size.

Sections are never resampled along z, and never enlarged.  Blocks read here have the same values whatever their extent,
which is what lets predictions of neighbouring blocks meet without a seam.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from napari_em_autoclass.core.normalise import Normalisation
    from napari_em_autoclass.core.volume import Volume

__all__ = ["WorkingVolume", "bin_factors"]


def bin_factors(voxel_size_nm: tuple[float, float, float], working_pixel_nm: float) -> tuple[int, int]:
    """Return how many voxels along y and x make one working pixel (at least 1: pixels are never invented)."""
    _, y, x = voxel_size_nm
    return max(1, round(working_pixel_nm / y)), max(1, round(working_pixel_nm / x))


@dataclass(frozen=True)
class WorkingVolume:
    """A volume behind its normalisation and binning; all coordinates are working pixels."""

    volume: Volume
    normalisation: Normalisation
    factors_yx: tuple[int, int]
    left_out: frozenset[int] = frozenset()
    """Sections that nothing is to be learned from: damaged ones."""

    @property
    def shape_zyx(self) -> tuple[int, int, int]:
        """Sections, and working pixels along y and x (a last partial pixel counts)."""
        z, y, x = self.volume.shape_zyx
        fy, fx = self.factors_yx
        return z, -(-y // fy), -(-x // fx)

    @property
    def pixel_nm(self) -> tuple[float, float]:
        """Size of a working pixel along y and x, nm."""
        _, y, x = self.volume.voxel_size_nm
        return y * self.factors_yx[0], x * self.factors_yx[1]

    @property
    def sound_sections(self) -> tuple[int, ...]:
        """The sections that may be learned from."""
        return tuple(z for z in range(self.shape_zyx[0]) if z not in self.left_out)

    def part(self, box: Box, left_out: Collection[int] = ()) -> WorkingVolume:
        """Return the part inside `box` (voxels of the volume; moved out to whole working pixels), without `left_out`.

        Sections are numbered as in this volume; those of the part count from its own first one.
        """
        fy, fx = self.factors_yx
        box = replace(box, y0=box.y0 // fy * fy, x0=box.x0 // fx * fx)
        fitted, within = self.normalisation, slice(box.z0, box.z1)
        cut = fitted.replace(section_centre=fitted.section_centre[within], section_spread=fitted.section_spread[within])
        inside = frozenset(z - box.z0 for z in left_out if box.z0 <= z < box.z1)
        return WorkingVolume(self.volume.crop(box), cut, self.factors_yx, inside)

    def stored(self, box: Box, halo: int = 0) -> Box:
        """Return the voxels of the volume that `read` needs for `box` and `halo` working pixels around it."""
        _, height, width = self.shape_zyx
        rows = _mirrored(box.y0 - halo, box.y1 + halo, height)
        columns = _mirrored(box.x0 - halo, box.x1 + halo, width)
        return self._voxels(
            Box(box.z0, box.z1, int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1)
        )

    def read(self, box: Box) -> NDArray[np.float32]:
        """Return normalised working pixels of `box`, shape `box.shape`; outside the section they are mirrored.

        Raises
        ------
        InputError
            If the file can't be read there, holds NaN, or has no such sections.
        """
        _, height, width = self.shape_zyx
        if box.clipped((box.z1, height, width)) == box:
            return self._binned(box)
        # Read what the mirror shows, which can be more than the part inside: the values must not depend on the box.
        rows, columns = _mirrored(box.y0, box.y1, height), _mirrored(box.x0, box.x1, width)
        y0, x0 = int(rows.min()), int(columns.min())
        block = self._binned(Box(box.z0, box.z1, y0, int(rows.max()) + 1, x0, int(columns.max()) + 1))
        return block[:, (rows - y0)[:, None], (columns - x0)[None, :]]

    def read_with_context(self, box: Box, context: int) -> NDArray[np.float32]:
        """Return the section of `box` between `context` sections on either side of it, (2 * context + 1, h, w).

        At the ends of the stack the end section stands for those that are missing.

        Raises
        ------
        InputError
            As `read`.
        """
        low, high = max(box.z0 - context, 0), min(box.z1 + context, self.shape_zyx[0])
        block = self.read(replace(box, z0=low, z1=high))
        return block[np.arange(box.z0 - context, box.z1 + context).clip(low, high - 1) - low] if context else block

    def _voxels(self, box: Box) -> Box:
        fy, fx = self.factors_yx
        _, rows, columns = self.volume.shape_zyx
        return Box(box.z0, box.z1, box.y0 * fy, min(box.y1 * fy, rows), box.x0 * fx, min(box.x1 * fx, columns))

    def _binned(self, box: Box) -> NDArray[np.float32]:
        fy, fx = self.factors_yx
        block = self.normalisation.apply(self.volume.read(self._voxels(box)), box.z0)
        if (fy, fx) == (1, 1):
            return block
        depth, height, width = box.shape
        pads = ((0, 0), (0, height * fy - block.shape[1]), (0, width * fx - block.shape[2]))
        if any(max(pad) for pad in pads):
            block = np.pad(block, pads, mode="edge")
        # Summed in a fixed order: a mean over axes may add in another order for another block, and move a seam.
        total = np.zeros((depth, height, width), np.float32)
        for row in range(fy):
            for column in range(fx):
                total += block[:, row::fy, column::fx]
        return total / np.float32(fy * fx)


def _mirrored(start: int, stop: int, length: int) -> NDArray[np.int64]:
    """Return where in 0..length-1 the positions `start` to `stop` lie when both ends are mirrors."""
    period = max(2 * (length - 1), 1)
    position = np.arange(start, stop) % period
    return np.minimum(position, period - position) if length > 1 else np.zeros(stop - start, np.int64)
