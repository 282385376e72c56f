from __future__ import annotations

import numpy as np
import pytest

from napari_em_autoclass.core.phantom.mitochondria import Mitochondrion
from napari_em_autoclass.core.phantom.tissue import Tissue

ROD = Mitochondrion(
    points_nm=np.array([[0, 0, 0], [0, 0, 400]], np.float32),
    radii_nm=np.array([100, 60], np.float32),
    cell=1,
    stacking=np.array([0, 0, 1], np.float32),
    spacing_nm=40.0,
)


def test_depth_is_the_distance_to_the_surface_of_the_capsule() -> None:
    x = np.array([-150.0, 0.0, 200.0, 400.0], np.float32)
    depth = ROD.depth_nm(0.0, np.array([0.0, 30.0], np.float32), x)
    np.testing.assert_allclose(depth[0], [-50.0, 100.0, 80.0, 60.0], atol=0.1)
    np.testing.assert_allclose(depth[1, 1:], [70.0, 50.0, 30.0], atol=0.1)
    assert ROD.depth_nm(90.0, x[1:2], x[1:2])[0, 0] == pytest.approx(10.0, abs=0.1)


def test_window_and_reach_hold_the_whole_body() -> None:
    at = np.arange(-600.0, 800.0, 8.0, dtype=np.float32)
    ys, xs = ROD.window(at, at)
    outside = ROD.depth_nm(0.0, at, at) > 0
    outside[ys, xs] = False
    assert not outside.any()
    assert ROD.reaches(90.0)
    assert not ROD.reaches(200.0)


def test_points_are_covered_up_to_the_margin() -> None:
    points = np.array([[0, 110, 0], [0, 140, 0]], np.float32)
    np.testing.assert_array_equal(ROD.covers(points, 20.0), [True, False])


def test_mitochondria_have_the_size_of_real_ones_and_lie_in_neurites_or_axons(tissue: Tissue) -> None:
    assert len(tissue.mitochondria) > 4
    widths = [2 * body.radii_nm.mean() for body in tissue.mitochondria]
    assert min(widths) > 80
    assert max(widths) < 420
    at_home = [(tissue.cells.owner_at(body.points_nm) == body.cell).mean() for body in tissue.mitochondria]
    assert np.mean(at_home) > 0.7


def test_each_axon_has_a_mitochondrion(tissue: Tissue) -> None:
    first = tissue.cells.n_neurites + 1
    assert {first + i for i in range(len(tissue.axons))} <= {body.cell for body in tissue.mitochondria}
