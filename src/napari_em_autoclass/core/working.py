"""The volume as the network sees it: normalised, and binned to the working pixel size.

Sections are never resampled along z, and never enlarged.  Blocks read here have the same values whatever their extent,
which is what lets predictions of neighbouring blocks meet without a seam.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
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

    def read(self, box: Box) -> NDArray[np.float32]:
        """Return normalised working pixels of `box`, shape `box.shape`; outside the section they are mirrored.

        Raises
        ------
        InputError
            If the file can't be read there, or holds NaN.
        """
        inside = box.clipped(self.shape_zyx)
        block = self._binned(inside)
        pads = ((0, 0), (inside.y0 - box.y0, box.y1 - inside.y1), (inside.x0 - box.x0, box.x1 - inside.x1))
        if any(max(pad) for pad in pads):
            # numpy mirrors repeatedly where the pad is wider than the block; "reflect" needs two pixels at least.
            block = np.pad(block, pads, mode="reflect" if min(block.shape[1:]) > 1 else "edge")
        return block

    def _binned(self, box: Box) -> NDArray[np.float32]:
        fy, fx = self.factors_yx
        stored = Box(box.z0, box.z1, box.y0 * fy, box.y1 * fy, box.x0 * fx, box.x1 * fx).clipped(self.volume.shape_zyx)
        block = self.normalisation.apply(self.volume.read(stored), box.z0)
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
