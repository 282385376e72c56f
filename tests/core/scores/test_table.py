"""Scores of a contingency table by hand, at the optimum, at collapse, under permutation, against scikit-learn."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from sklearn import metrics

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.scores.table import (
    adjusted_rand_index,
    best_assignment_miou,
    contingency,
    entropy_nats,
    fit_mapping,
    hungarian_accuracy,
    majority_mapping,
    many_to_one_accuracy,
    mapped_iou,
    mutual_information_nats,
    v_measure,
)

SCORES = (
    adjusted_rand_index,
    best_assignment_miou,
    hungarian_accuracy,
    many_to_one_accuracy,
    mutual_information_nats,
    v_measure,
)
# Vector EV-1 of the methods note: truth 0 x 100, 1 x 100; four classes of 50.
FOUR_FOR_TWO = np.array([[50, 0], [50, 0], [0, 50], [0, 50]])
PERFECT = np.diag([10, 20, 70])
TABLES = nps.arrays(np.int64, st.tuples(st.integers(1, 5), st.integers(1, 4)), elements=st.integers(0, 30))


@pytest.mark.parametrize(
    ("score", "value"),
    [
        (many_to_one_accuracy, 1.0),
        (hungarian_accuracy, 0.5),
        (best_assignment_miou, 1.0),
        (v_measure, 2 / 3),
        (mutual_information_nats, math.log(2)),
        (adjusted_rand_index, 0.4962),
    ],
)
def test_four_classes_for_two_structures_by_hand(score, value):
    assert score(FOUR_FOR_TWO) == pytest.approx(value, abs=5e-5)


def test_one_to_one_matching_of_four_classes_leaves_half_of_each_structure():
    # EV-1's mIoU of 0.5: each structure keeps one class of 50, the others mean nothing.
    one_to_one = np.pad(FOUR_FOR_TWO, ((0, 0), (0, 1)))  # a third structure takes the unmatched classes
    assert mapped_iou(one_to_one, np.array([0, 2, 1, 2]))[:2] == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(
    ("score", "value"),
    [
        (many_to_one_accuracy, 1.0),
        (hungarian_accuracy, 1.0),
        (best_assignment_miou, 1.0),
        (v_measure, 1.0),
        (mutual_information_nats, -(0.1 * math.log(0.1) + 0.2 * math.log(0.2) + 0.7 * math.log(0.7))),
        (adjusted_rand_index, 1.0),
    ],
)
def test_a_perfect_map_reaches_the_optimum(score, value):
    assert score(PERFECT) == pytest.approx(value)


@pytest.mark.parametrize(
    ("score", "value"),
    [
        (many_to_one_accuracy, 0.7),
        (hungarian_accuracy, 0.7),
        (best_assignment_miou, 0.7 / 3),
        (v_measure, 0.0),
        (mutual_information_nats, 0.0),
        (adjusted_rand_index, 0.0),
    ],
)
def test_a_collapsed_map_has_its_documented_value(score, value):
    assert score(np.array([[0, 0, 0], [10, 20, 70]])) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("table", [np.zeros((3, 2), int), np.array([[5]])], ids=["no voxel", "one voxel kind"])
def test_there_is_a_finite_value_when_nothing_can_be_told(score, table):
    assert score(table) in (0.0, 1.0)


@given(TABLES, st.randoms(use_true_random=False))
def test_names_of_classes_don_t_matter(table, random):
    order = random.sample(range(len(table)), len(table))
    for score in SCORES:
        assert score(table[order]) == pytest.approx(score(table))


@given(TABLES)
def test_empty_rows_and_columns_change_nothing(table):
    padded = np.zeros((len(table) + 2, table.shape[1] + 1), dtype=np.int64)
    padded[1:-1, 1:] = table
    for score in SCORES:
        assert score(padded) == pytest.approx(score(table))


@given(TABLES.filter(lambda table: np.count_nonzero(table.sum(0)) > 1))
def test_pair_and_information_scores_agree_with_scikit_learn(table):
    classes, labels = (np.repeat(i.ravel(), table.ravel()) for i in np.indices(table.shape))
    assert v_measure(table) == pytest.approx(metrics.v_measure_score(labels, classes), abs=1e-9)
    assert mutual_information_nats(table) == pytest.approx(metrics.mutual_info_score(labels, classes), abs=1e-9)
    assert adjusted_rand_index(table) == pytest.approx(metrics.adjusted_rand_score(labels, classes), abs=1e-9)


def test_a_billion_voxels_don_t_overflow():
    table = np.array([[4, 1], [1, 4]], dtype=np.int64)
    assert adjusted_rand_index(table * 10**9) == pytest.approx(0.36, abs=1e-6)
    assert mutual_information_nats(table * 10**9) == pytest.approx(mutual_information_nats(table))


def test_the_climb_finds_the_best_of_all_mappings_on_small_tables():
    rng = np.random.default_rng(3)
    scored = np.arange(3)
    for _ in range(10):
        table = rng.integers(0, 100, (5, 3)) * rng.integers(0, 2, (5, 3)) + np.eye(5, 3, dtype=int)
        best = max(np.mean(mapped_iou(table, np.array(m))) for m in itertools.product(range(3), repeat=5))
        climbed = np.mean(mapped_iou(table, fit_mapping(table, scored)))
        assert climbed >= np.mean(mapped_iou(table, majority_mapping(table, scored)))
        assert best_assignment_miou(table) == pytest.approx(best, abs=0.03)


def test_a_rare_structure_gets_a_class_though_none_has_its_majority():
    # Class 1 is mostly structure 0, but holds all of the rare structure 1: calling it so gains more IoU than it costs.
    table = np.array([[900, 0], [12, 10]])
    assert majority_mapping(table, np.arange(2)).tolist() == [0, 0]
    assert fit_mapping(table, np.arange(2)).tolist() == [0, 1]


def test_an_absent_structure_has_no_iou():
    assert np.isnan(mapped_iou(np.array([[5, 0]]), np.array([0]))).tolist() == [False, True]


def test_contingency_counts_by_hand():
    classes, labels = np.array([[0, 1], [1, 2]], np.uint8), np.array([[1, 1], [0, 1]], np.int16)
    assert contingency(classes, labels, (3, 2)).tolist() == [[0, 1], [1, 1], [0, 1]]
    assert contingency(classes[:0], labels[:0], (3, 2)).sum() == 0


@pytest.mark.parametrize(
    ("classes", "labels", "message"),
    [
        ([0, 1], [0], "differ in shape"),
        ([0, 3], [0, 1], "outside 0 to 2"),
        ([0, 1], [0, 2], "outside"),
        ([-1, 1], [0, 1], "outside"),
    ],
)
def test_what_doesn_t_fit_into_the_table_is_refused(classes, labels, message):
    with pytest.raises(InputError, match=message):
        contingency(np.array(classes), np.array(labels), (3, 2))


def test_entropy_of_equal_shares_is_the_logarithm_of_their_number():
    assert entropy_nats(np.full(20, 7)) == pytest.approx(2.995732, abs=1e-6)
    assert entropy_nats(np.array([0, 9, 0])) == 0.0
    assert entropy_nats(np.zeros(3)) == 0.0
