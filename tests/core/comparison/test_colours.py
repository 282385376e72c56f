from __future__ import annotations

import numpy as np

from napari_em_autoclass.core.comparison.colours import matched_maps


def test_the_same_map_under_other_numbers_gets_the_numbers_of_the_reference(rng: np.random.Generator) -> None:
    reference = rng.integers(1, 6, (20, 20), dtype=np.uint8)
    other = np.array([0, 3, 1, 5, 2, 4], np.uint8)[reference]
    other[0, 0] = 0
    matched = matched_maps({"a": reference, "b": other}, "a")
    np.testing.assert_array_equal(matched["a"], reference)
    np.testing.assert_array_equal(matched["b"].ravel()[1:], reference.ravel()[1:])
    assert matched["b"][0, 0] == 0


def test_two_classes_of_a_map_never_become_one(rng: np.random.Generator) -> None:
    reference, other = (rng.integers(1, 5, (9, 9), dtype=np.uint8) for _ in range(2))
    reference[:] = 1
    matched = matched_maps({"a": reference, "b": other}, "a")["b"]
    assert len(np.unique(matched)) == len(np.unique(other))


def test_maps_without_a_class_are_left_alone() -> None:
    nothing = np.zeros((4, 4), np.uint8)
    assert not matched_maps({"a": nothing, "b": nothing}, "a")["b"].any()
