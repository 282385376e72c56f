"""F1 of one organelle, and what is left out at its border."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.scores import organelle
from napari_em_autoclass.core.scores.organelle import count_organelle, score_organelle


def cube(low: int, high: int) -> np.ndarray:
    found = np.zeros((20, 24, 26), np.uint8)
    found[low:high, low:high, low:high] = 1
    return found


def test_identical_masks_score_1() -> None:
    figures = score_organelle(count_organelle(cube(5, 15), cube(5, 15), 1, border=0), [1])
    assert [figures[name] for name in ("precision", "recall", "f1", "jaccard")] == [1, 1, 1, 1]
    assert figures["left_out"] == 0


def test_the_figures_are_those_of_scikit_learn(rng: np.random.Generator) -> None:
    found, truth = (rng.random((2, 6, 20, 20)) < 0.3).astype(np.uint8)
    figures = score_organelle(count_organelle(found, truth, 1, border=0), [1])
    pair = truth.ravel(), found.ravel()
    expected = precision_score(*pair), recall_score(*pair), f1_score(*pair), jaccard_score(*pair)
    assert [figures[name] for name in ("precision", "recall", "f1", "jaccard")] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("border", "f1"), [(0, False), (1, False), (2, True)])
def test_a_disagreement_at_the_border_is_left_out(border: int, f1: bool) -> None:
    found, truth = (np.zeros((20, 8, 8), np.uint8) for _ in range(2))
    found[4:16], truth[6:14] = 1, 1
    figures = score_organelle(count_organelle(found, truth, 1, border), [1])
    assert (figures["f1"] == 1) is f1
    assert (figures["left_out"] > 0) is (border > 0)


def test_a_disagreement_away_from_the_border_is_not() -> None:
    found = cube(6, 14)
    found[0, 0, 0] = found[19, 23, 25] = 1
    assert score_organelle(count_organelle(found, cube(6, 14), 1, 2), [1])["precision"] < 1


def test_thick_sections_count_as_many_voxels() -> None:
    truth, found = cube(6, 14), cube(6, 14)
    found[5] = found[6]
    thin = score_organelle(count_organelle(found, truth, 1, 2, (4.0, 4.0, 4.0)), [1])
    thick = score_organelle(count_organelle(found, truth, 1, 2, (50.0, 4.0, 4.0)), [1])
    assert thin["precision"] == 1
    assert thick["precision"] < 1


@pytest.mark.parametrize("border", [0, 2, 5])
def test_block_by_block_is_as_at_once(border: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    classes = rng.integers(0, 5, (9, 30, 17), dtype=np.uint8)
    truth = (np.indices((9, 30, 17)).sum(axis=0) // 11 % 3).astype(np.uint8)
    whole = count_organelle(classes, truth, 2, border, (2.0, 1.0, 1.0))
    original = organelle.iter_blocks
    monkeypatch.setattr(organelle, "iter_blocks", lambda shape, _: original(shape, 17 * 4))
    parts = count_organelle(classes, truth, 2, border, (2.0, 1.0, 1.0))
    assert np.array_equal(whole.inside, parts.inside)
    assert np.array_equal(whole.outside, parts.outside)
    assert whole.left_out == parts.left_out


def test_among_other_labels_0_is_not_scored() -> None:
    truth = cube(5, 15)
    truth[:, :, 20:] = 2
    counts = count_organelle(np.ones_like(truth), truth, 1, 0)
    assert counts.outside.sum() == (truth == 2).sum()
    alone = count_organelle(np.ones_like(truth), cube(5, 15), 1, 0)
    assert alone.outside.sum() == (cube(5, 15) == 0).sum()


def test_the_classes_are_chosen_on_the_first_half_and_scored_on_the_second() -> None:
    truth = cube(4, 16)
    classes = np.where(truth == 1, 3, 1).astype(np.uint8)
    classes[:, :8][truth[:, :8] == 1] = 4  # two classes together are the organelle
    figures = score_organelle(count_organelle(classes, truth, 1, 0))
    assert figures["classes"] == [3, 4]
    assert figures["f1"] == 1
    classes[10:] = 1
    assert score_organelle(count_organelle(classes, truth, 1, 0))["f1"] == 0


def test_the_best_classes_are_those_of_all_choices(rng: np.random.Generator) -> None:
    truth = (rng.random((4, 30, 30)) < 0.4).astype(np.uint8)
    classes = np.where(truth == 1, rng.integers(1, 6, truth.shape), rng.integers(3, 8, truth.shape)).astype(np.uint8)
    counts = count_organelle(classes, truth, 1, 0)
    first = organelle.OrganelleCounts(counts.inside[[0, 0]], counts.outside[[0, 0]], 0.0)
    best = max(
        score_organelle(first, [k for k in range(1, 8) if choice >> (k - 1) & 1])["f1"] for choice in range(1, 128)
    )
    assert score_organelle(first)["f1"] == best


@pytest.mark.parametrize(
    ("classes", "labels", "label_id", "says"),
    [
        (cube(1, 2), np.zeros((2, 2, 2), int), 1, "differ in shape"),
        (cube(1, 2), cube(1, 2), 0, "labels are 1 or more"),
        (cube(1, 2), cube(1, 2) * 0, 1, "does not occur"),
        (cube(1, 2), cube(1, 2) * 0, 9, "does not occur"),
    ],
)
def test_what_cannot_be_scored_is_refused(classes: np.ndarray, labels: np.ndarray, label_id: int, says: str) -> None:
    with pytest.raises(InputError, match=says):
        score_organelle(count_organelle(classes, labels, label_id))


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(InputError, match="its ids are 0 to 1"):
        score_organelle(count_organelle(cube(4, 9), cube(4, 9), 1), [7])
