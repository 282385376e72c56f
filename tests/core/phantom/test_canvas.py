from __future__ import annotations

import numpy as np

from napari_em_autoclass.core.phantom.canvas import Canvas, Texture, bump, rise, stamp
from napari_em_autoclass.core.phantom.cells import CellPlane


def blank(size: int = 20, pixel_nm: float = 4.0) -> Canvas:
    flat = np.zeros((size, size), np.float32)
    at = 100.0 + pixel_nm * np.arange(size, dtype=np.float32)
    cut = CellPlane(np.zeros((size, size), np.int16), flat, flat)
    return Canvas(flat.copy(), np.zeros((size, size), np.uint8), cut, Texture(flat, flat, flat), 0.0, 50.0, at, at)


def test_rise_and_bump_have_the_promised_ends() -> None:
    np.testing.assert_allclose(rise(np.array([-1.0, 0.0, 0.5, 1.0, 9.0], np.float32), 0.0, 1.0), [0, 0, 0.5, 1, 1])
    np.testing.assert_allclose(bump(np.array([0.0, 2.0], np.float32), 2.0), [1.0, np.exp(-0.5)], rtol=1e-5)


def test_a_stamp_gives_the_distance_to_its_point() -> None:
    canvas = blank()
    distance, felt = stamp(canvas, np.array([[141.0, 138.0]], np.float32), 15.0, np.array([0.7], np.float32))
    truth = np.hypot(canvas.y_nm[:, None] - 141.0, canvas.x_nm - 138.0)
    near = truth < 15.0
    np.testing.assert_allclose(distance[near], truth[near], rtol=1e-4)
    assert np.isinf(distance[~near]).all()
    np.testing.assert_array_equal(felt > 0, near)


def test_the_heavier_of_two_stamps_wins_and_points_outside_are_no_harm() -> None:
    points = np.array([[140.0, 140.0], [140.0, 144.0], [90.0, 400.0]], np.float32)
    _, felt = stamp(blank(), points, 12.0, np.array([0.9, 0.5, 1.0], np.float32))
    assert felt[10, 10] == felt[10, 11] == np.float32(0.9)
    assert felt.max() == np.float32(0.9)
