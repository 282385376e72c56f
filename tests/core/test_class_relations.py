"""What is counted of the classes of a map, on maps small enough to count by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_em_autoclass.core.class_relations import (
    count_relations,
    relations_of_map,
    relations_of_model,
    sample_pairs,
)
from napari_em_autoclass.core.classifier.inside import inside
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.normalise import NormalisationSettings, fit_normalisation
from napari_em_autoclass.core.scores.held_out_bank import held_out_features
from napari_em_autoclass.core.volume import Box, Volume
from napari_em_autoclass.core.working import WorkingVolume


def stack(shape: tuple[int, int, int], seed: int = 0) -> Volume:
    data = np.random.default_rng(seed).integers(0, 255, shape, dtype=np.uint8)
    return Volume(data, (8.0, 8.0, 8.0))


def test_sizes_transitions_and_contacts_are_counted() -> None:
    first, second = [[1, 1, 2], [1, 0, 2]], [[1, 2, 2], [1, 3, 3]]
    ids = np.array([first, second], np.uint8)
    found = count_relations(lambda box: ids[box.slices], stack((2, 2, 3)), 3, [Box(0, 2, 0, 2, 0, 3)])
    np.testing.assert_array_equal(found.sizes, [5, 4, 2])
    np.testing.assert_array_equal(found.following, [[2, 1, 0], [0, 1, 1], [0, 0, 0]])
    # Sides of the first section: 1-1 twice, 1-2 once, 2-2 once; of the second: 1-1, 1-2, 1-3, 2-2, 2-3 twice, 3-3.
    np.testing.assert_array_equal(found.touching, [[6, 2, 1], [2, 4, 2], [1, 2, 2]])
    assert found.n_classes == 3


def test_features_are_means_in_standard_deviations() -> None:
    volume = stack((1, 20, 30))
    ids = np.random.default_rng(1).integers(1, 4, (1, 20, 30))
    found = count_relations(lambda box: ids[box.slices], volume, 4, [Box(0, 1, 0, 20, 0, 30)])
    features = held_out_features(volume.section(0)).reshape(12, -1).astype(float)
    features = (features - features.mean(1, keepdims=True)) / features.std(1, keepdims=True)
    for k in (1, 2, 3):
        np.testing.assert_allclose(found.features[k - 1], features[:, ids.ravel() == k].mean(1), atol=1e-5)
    assert not found.features[3].any()  # no pixels
    assert not found.following.any()  # no second section


def test_a_constant_stack_tells_nothing_by_its_looks() -> None:
    ids = np.random.default_rng(1).integers(1, 4, (3, 20, 30))
    assert not relations_of_map(ids, np.full(ids.shape, 7, np.uint8), 3).features.any()


def test_a_large_patch_is_filtered_in_its_middle() -> None:
    volume = stack((2, 300, 258))
    ids = np.ones((2, 300, 258), np.uint8)
    ids[:, 22:278, 1:257] = 2
    found = count_relations(lambda box: ids[box.slices], volume, 2, [Box(0, 2, 0, 300, 0, 258)])
    assert not found.features[0].any()
    assert found.sizes[1] == 2 * 256 * 256


def test_pairs_are_spread_over_the_stack_and_lie_in_it() -> None:
    pairs = sample_pairs((100, 1000, 700), (256, 256), 32)
    assert len(pairs) == 32
    assert all(box == box.clipped((100, 1000, 700)) and box.z1 - box.z0 == 2 for box in pairs)
    assert {box.y0 for box in pairs} == {0, 256, 512, 768}
    assert {box.x0 for box in pairs} == {0, 256, 512}
    assert (pairs[0].z0, pairs[-1].z1) == (0, 97)


@pytest.mark.parametrize("shape", [(1, 10, 10), (2, 10, 10)])
def test_a_small_stack_is_counted_once(shape: tuple[int, int, int]) -> None:
    assert sample_pairs(shape, (256, 256)) == (Box.whole(shape),)


def test_maps_that_dont_fit_are_refused() -> None:
    with pytest.raises(InputError, match="differ in shape"):
        relations_of_map(np.ones((2, 3, 4), int), np.ones((2, 3, 5)), 2)
    with pytest.raises(InputError, match="above 2"):
        relations_of_map(np.full((2, 3, 4), 3), np.ones((2, 3, 4)), 2)
    with pytest.raises(InputError, match="2000 classes are too many"):
        relations_of_map(np.ones((2, 3, 4), int), np.ones((2, 3, 4)), 2000)


class Bright:
    """A classifier of two classes, dark and bright, that asks for nothing but the pixel itself."""

    stride = 4
    radius_px = 0
    context = 0

    def __call__(self, image: Any, margin: int = 0) -> Any:
        import torch

        return inside(torch.cat([-image, image], dim=1), margin)

    def parameters(self) -> list[Any]:
        return []

    buffers = parameters


def test_a_model_is_asked_for_tiles_of_its_own() -> None:
    from napari_em_autoclass.core.snapshot import classify_view

    volume = stack((5, 40, 64))
    working = WorkingVolume(volume, fit_normalisation(volume, NormalisationSettings()), (1, 1))
    classifier = Bright()
    model: Any = SimpleNamespace(
        settings=SimpleNamespace(n_classes=2),
        classifier=classifier,
        working=lambda _: working,
        classify=lambda working, view: classify_view(classifier, working, 2, view),
    )
    told: list[float] = []
    found = relations_of_model(model, volume, 3, told.append)
    assert told == [0, pytest.approx(1 / 3), pytest.approx(2 / 3)]
    assert found.sizes.sum() == 3 * 2 * 40 * 64
    assert found.features[1, 10] > found.features[0, 10]  # the median of 9 x 9 px
