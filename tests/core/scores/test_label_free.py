"""Scores without labels: by hand, at the optimum, at collapse, under permutation, good before bad."""

import math

import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.scores import label_free
from napari_em_autoclass.core.scores.label_free import (
    confidence,
    csev,
    effective_classes,
    explained_variance,
    score_without_labels,
    z_agreement,
    z_kappa,
    z_mutual_information,
)
from napari_em_autoclass.core.scores.stream import iter_blocks

Z_SCORES = (z_agreement, z_kappa, z_mutual_information)


@pytest.fixture(scope="module")
def tissue():
    """Return (true classes, volume): columns of four textures that drift slowly along z."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:64, :64]
    classes = np.stack([1 + ((y + z) // 16 % 2) + 2 * ((x - z) // 16 % 2) for z in range(8)]).astype(np.uint8)
    brightness, roughness = np.array([0, 40, 40, 160, 160]), np.array([0, 2, 20, 2, 20])
    volume = brightness[classes] + roughness[classes] * rng.normal(size=classes.shape)
    return classes, volume.astype(np.float32)


@pytest.mark.parametrize(
    ("usage", "value"), [([5, 5, 5, 5], 4.0), ([0, 9, 0], 1.0), ([0, 0], 0.0), ([0.75, 0.25], 1.754765)]
)
def test_effective_classes_by_hand(usage, value):
    assert effective_classes(np.array(usage)) == pytest.approx(value, abs=1e-6)


def test_confidence_by_hand():
    assert confidence(np.full((4, 3, 3), 0.25)) == pytest.approx(0)
    assert confidence(np.eye(3)) == pytest.approx(1)
    assert confidence(np.array([[0.9], [0.1]])) == pytest.approx(1 - 0.325083 / math.log(2), abs=1e-6)
    assert confidence(np.ones((1, 5))) == 1.0


@pytest.mark.parametrize(("score", "value"), list(zip(Z_SCORES, (0.75, 0.5, 0.130812), strict=True)))
def test_steadiness_by_hand(score, value):
    assert score(np.array([[3, 1], [1, 3]])) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(("score", "value"), list(zip(Z_SCORES, (1.0, 1.0, math.log(4)), strict=True)))
def test_a_steady_map_reaches_the_optimum(score, value):
    assert score(np.eye(4) * 7) == pytest.approx(value)


@pytest.mark.parametrize(("score", "value"), list(zip(Z_SCORES, (0.25, 0.0, 0.0), strict=True)))
def test_a_random_map_agrees_by_chance(score, value):
    assert score(np.full((4, 4), 7)) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(("score", "value"), list(zip(Z_SCORES, (1.0, 0.0, 0.0), strict=True)))
def test_a_collapsed_map_has_its_documented_value(score, value):
    assert score(np.diag([0, 99, 0])) == value


@pytest.mark.parametrize("score", Z_SCORES)
def test_without_voxels_the_score_is_zero(score):
    assert score(np.zeros((3, 3))) == 0.0


def test_explained_variance_by_hand():
    classes = np.array([0, 0, 1, 1])
    features = np.array([[1.0, 1, 3, 3], [1, 3, 1, 3], [0, 2, 2, 4], [5, 5, 5, 5]])
    assert explained_variance(classes, features) == pytest.approx([1, 0, 0.5, 0])


def test_explained_variance_ignores_scale_and_offset():
    rng = np.random.default_rng(0)
    classes, features = rng.integers(0, 5, 300), rng.normal(size=(2, 300))
    moved = explained_variance(classes, features * 1e-3 + 1e4)
    assert moved == pytest.approx(explained_variance(classes, features), abs=1e-6)


def test_csev_by_hand():
    classes = np.array([0, 0, 1, 1])
    same, following = np.array([[1.0, 1, 3, 3]]), np.array([[0.0, 2, 2, 4]])
    assert csev(classes, same, following) == pytest.approx(math.sqrt(0.5))
    assert csev(np.zeros(4, int), same, following) == 0.0
    assert csev(classes[:0], same[:, :0], following[:, :0]) == 0.0


def test_true_classes_beat_brightness_beats_a_random_map(tissue):
    classes, volume = tissue
    rng = np.random.default_rng(1)
    true = score_without_labels(classes, volume)["csev"]
    by_brightness = score_without_labels(np.where(volume > 100, 2, 1), volume)["csev"]
    random = score_without_labels(rng.integers(1, 5, classes.shape), volume)["csev"]
    assert 1 > true > by_brightness + 0.03
    assert random < 0.01


def test_contrast_that_jumps_between_sections_doesn_t_matter(tissue):
    classes, volume = tissue
    jumping = volume * np.linspace(0.5, 2, 8)[:, None, None] + np.arange(8)[:, None, None] * 30
    expected = score_without_labels(classes, volume)["csev"]
    assert score_without_labels(classes, jumping)["csev"] == pytest.approx(expected, abs=1e-3)


def test_csev_from_patches_equals_csev_of_the_arrays(tissue):
    classes, volume = tissue
    features = np.stack([label_free.held_out_features(section) for section in volume], axis=1)  # (C, Z, Y, X)
    same, following = (part.reshape(12, -1) for part in (features[:, :-1], features[:, 1:]))
    whole = csev(classes[:-1].ravel(), same, following)
    assert score_without_labels(classes, volume)["csev"] == pytest.approx(whole, abs=1e-4)


@pytest.mark.parametrize("block_voxels", [64, 64 * 10, 64 * 64 * 3])
def test_scores_don_t_depend_on_the_blocks(tissue, block_voxels, monkeypatch):
    expected = score_without_labels(tissue[0])
    monkeypatch.setattr(label_free, "iter_blocks", lambda shape: iter_blocks(shape, block_voxels))
    assert score_without_labels(tissue[0]) == expected


def test_figures_of_a_small_map_by_hand():
    classes = np.array([[[1, 1, 2, 0]], [[1, 2, 2, 1]]], dtype=np.uint8)
    scores = score_without_labels(classes)
    assert scores["effective_classes"] == pytest.approx(
        math.exp(-(4 / 7 * math.log(4 / 7) + 3 / 7 * math.log(3 / 7))), abs=1e-4
    )
    assert scores["z_agreement"] == 0.6667  # the voxel that was not classified is left out
    assert scores["classes_used"] == 2
    assert "csev" not in scores


def test_names_of_classes_don_t_matter(tissue):
    classes, volume = tissue
    assert score_without_labels(np.array([0, 3, 9, 1, 200])[classes], volume) == score_without_labels(classes, volume)


def test_a_collapsed_map_is_seen_as_one(tissue):
    assert score_without_labels(np.full_like(tissue[0], 3), tissue[1]) == {
        "effective_classes": 1.0,
        "classes_used": 1,
        "z_agreement": 1.0,
        "z_kappa": 0.0,
        "z_mutual_information": 0.0,
        "csev": 0.0,
    }


def test_nothing_classified_scores_zero(tissue):
    assert set(score_without_labels(np.zeros_like(tissue[0]), tissue[1]).values()) == {0}


def test_a_single_section_has_no_next_one(tissue):
    scores = score_without_labels(tissue[0][:1], tissue[1][:1])
    assert scores["effective_classes"] > 3.9
    assert scores["z_agreement"] == scores["csev"] == 0.0


def test_a_constant_volume_explains_nothing(tissue):
    assert score_without_labels(tissue[0], np.full(tissue[0].shape, 9, np.uint8))["csev"] == 0.0


def test_a_large_stack_is_sampled(monkeypatch):
    class Lazy:
        shape, dtype = (80, 300, 400), np.dtype(np.uint8)
        voxels = 0

        def __getitem__(self, key):
            shape = [part.stop - part.start for part in key]
            self.voxels += int(np.prod(shape))
            return np.random.default_rng(self.voxels).integers(0, 255, shape, dtype=np.uint8)

    monkeypatch.setattr(label_free, "held_out_features", lambda section: np.zeros((12, *section.shape)))
    volume = Lazy()
    assert score_without_labels(np.ones(Lazy.shape, np.uint8), volume)["csev"] == 0.0
    assert 0 < volume.voxels <= 24 * 2 * 192 * 192


@pytest.mark.parametrize(
    ("classes", "volume", "message"),
    [
        (np.ones((2, 3, 4), int), np.ones((2, 3, 5)), "differ in shape"),
        (np.ones((2, 3, 4)), None, "dtype float64"),
        (np.full((2, 3, 4), -1), None, "negative"),
        (np.full((2, 3, 4), 1024), None, "above 1023"),
        (np.ones((3, 4), int), None, "expected a stack"),
    ],
)
def test_what_can_t_be_scored_is_refused(classes, volume, message):
    with pytest.raises(InputError, match=message):
        score_without_labels(classes, volume)
