"""Stacks and class maps of 2048 x 2048 pixels a section, quickly made and the same each time."""

from __future__ import annotations

import dask.array as da
import numpy as np

from napari_em_autoclass.core.phantom import make_phantom
from napari_em_autoclass.core.volume import Volume

SIDE_PX = 2048
N_SECTIONS = 24
VOXEL_NM = (50.0, 4.0, 4.0)
_CELL_PX = 16


def make_stack() -> Volume:
    """Return 24 sections in memory: a phantom of 512 x 512, mirrored and laid side by side four by four."""
    tile = make_phantom((N_SECTIONS, 512, 512), "sstem", seed=0).raw
    pair = np.concatenate((tile, tile[:, :, ::-1]), axis=2)
    quad = np.concatenate((pair, pair[:, ::-1]), axis=1)
    return Volume(np.tile(quad, (1, 2, 2)), VOXEL_NM, "phantom")


def repeated(volume: Volume, n_sections: int) -> Volume:
    """Return a lazy dask stack of so many sections: those of `volume` again and again."""
    once = da.from_array(volume.data, chunks=(1, SIDE_PX, SIDE_PX))
    again = da.concatenate([once] * -(-n_sections // once.shape[0]))[:n_sections]
    return Volume(again, volume.voxel_size_nm, volume.name)


def class_section(z: int, n_classes: int) -> np.ndarray:
    """Return (2048, 2048) uint8 ids 1 to `n_classes` in squares of 16 pixels, other ones in each section."""
    ids = np.random.default_rng(z).integers(1, n_classes + 1, (SIDE_PX // _CELL_PX,) * 2, dtype=np.uint8)
    return np.kron(ids, np.ones((_CELL_PX, _CELL_PX), np.uint8))
