from __future__ import annotations

import numpy as np

from napari_em_autoclass.core.scores.moments import class_moments


def test_a_case_by_hand() -> None:
    found = class_moments(np.array([0, 2, 2]), np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 1.0]]), 4)
    assert found.tolist() == [[1, 0, 2, 0], [1, 0, 5, 0], [0, 0, 0, 0], [1, 0, 13, 0], [0, 0, 2, 0]]


def test_patches_add_up() -> None:
    rng = np.random.default_rng(0)
    classes, features = rng.integers(5, size=80), rng.normal(size=(3, 80))
    parts = class_moments(classes[:30], features[:, :30], 5) + class_moments(classes[30:], features[:, 30:], 5)
    np.testing.assert_allclose(parts, class_moments(classes, features, 5))
