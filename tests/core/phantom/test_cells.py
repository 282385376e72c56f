from __future__ import annotations

import numpy as np
from scipy import ndimage

from napari_em_autoclass.core.phantom.cells import CellGrid
from napari_em_autoclass.core.phantom.tissue import Tissue

FINE = np.arange(300.0, 1200.0, 4.0, dtype=np.float32)


def test_a_cut_does_not_depend_on_pixel_size_or_crop(tissue: Tissue) -> None:
    whole = tissue.cells.cut(400.0, FINE, FINE)
    coarse = tissue.cells.cut(400.0, FINE[::2], FINE[::2])
    crop = tissue.cells.cut(400.0, FINE[50:120], FINE[70:200])
    assert (whole.cell[::2, ::2] == coarse.cell).mean() > 0.999
    assert (whole.cell[50:120, 70:200] == crop.cell).mean() > 0.999
    np.testing.assert_allclose(whole.depth_nm[50:120, 70:200], crop.depth_nm, atol=3.0)


def test_depth_is_the_distance_to_a_flat_border() -> None:
    owner = np.ones((40, 40, 40), np.int16)
    owner[:, :, 20:] = 2  # lattice pitch 16 nm: the border lies at 19.5 * 16 = 312 nm
    x = np.arange(202.0, 420.0, 4.0, dtype=np.float32)
    cut = CellGrid(owner, (0.0, 0.0, 0.0), 2).cut(300.0, x, x)
    np.testing.assert_array_equal(cut.cell[30], np.where(x < 312.0, 1, 2))
    near = np.abs(x - 312.0) < 60.0
    np.testing.assert_allclose(cut.depth_nm[30][near], np.abs(x - 312.0)[near], atol=2.0)
    assert cut.crowd.max() < 1e-3


def test_three_cells_crowd_where_they_meet_only() -> None:
    owner = np.ones((40, 40, 40), np.int16)
    owner[:, :, 20:] = 2
    owner[:, 20:, 20:] = 3
    x = np.arange(202.0, 420.0, 4.0, dtype=np.float32)
    crowd = CellGrid(owner, (0.0, 0.0, 0.0), 3).cut(300.0, x, x).crowd
    assert crowd[28, 28] > 0.2
    assert crowd[0, 28] < 0.01


def test_borders_are_smooth_though_the_lattice_is_coarse(tissue: Tissue) -> None:
    cell = tissue.cells.cut(400.0, FINE, FINE).cell
    rough = np.mean([(ndimage.median_filter(cell == c, 5) != (cell == c)).mean() for c in np.unique(cell)])
    assert rough < 0.001


def test_border_points_lie_between_the_cell_and_another(tissue: Tissue) -> None:
    site = tissue.synapses[0]
    points, beyond = tissue.cells.borders_near(site.pre, site.centre_nm, 150.0)
    assert len(points) == len(beyond) > 0
    assert (beyond != site.pre).all()
    owners = np.stack([tissue.cells.owner_at(points + shift) for shift in (*(8.5 * np.eye(3)), *(-8.5 * np.eye(3)))])
    assert (owners == site.pre).any(axis=0).all()
