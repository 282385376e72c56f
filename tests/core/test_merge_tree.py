"""Which classes are merged first, on relations simple enough to say by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.class_relations import ClassRelations
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.merge_tree import MergeTree, class_distances, with_groups


def relations(following: object, features: object = None, sizes: object = None) -> ClassRelations:
    """Return relations with these transitions; without features all classes look alike."""
    counts = np.asarray(following, np.int64)
    looks = np.zeros((len(counts), 1)) if features is None else np.asarray(features, float)
    return ClassRelations(np.asarray(counts.sum(1) if sizes is None else sizes), counts, np.zeros_like(counts), looks)


def some(n_classes: int, seed: int) -> ClassRelations:
    rng = np.random.default_rng(seed)
    following = rng.integers(100, 1000, (n_classes, n_classes))
    return relations(following, rng.normal(size=(n_classes, 4)))


BLOCKS = np.kron(np.diag([1, 1, 1]), np.full((3, 3), 100))  # classes 1-3, 4-6, 7-9 turn into each other alone


def test_a_block_diagonal_transition_matrix_gives_the_blocks() -> None:
    assert MergeTree.of(relations(BLOCKS)).cut(3) == ((1, 2, 3), (4, 5, 6), (7, 8, 9))


def test_classes_that_look_alike_are_merged_when_all_follow_each_other_alike() -> None:
    tree = MergeTree.of(relations(np.full((5, 5), 100), [[0.0], [5.0], [0.1], [5.1], [-9.0]]))
    assert tree.cut(3) == ((1, 3), (2, 4), (5,))


def test_distances_are_the_formula() -> None:
    # Profiles (1/2, 1/2, 0), the same, (0, 0, 1): Hellinger distances 0 and sqrt(2), mean over 6 pairs 4 sqrt(2) / 6.
    # Looks 0, 3, 3: mean over 6 pairs 12 / 6 = 2.
    counts = [[100, 100, 0], [100, 100, 0], [0, 0, 200]]
    expected = 1.5 * np.array([[0, 1, 2**0.5], [1, 0, 1], [2**0.5, 1, 0]])
    np.testing.assert_allclose(class_distances(relations(counts, [[0.0], [3.0], [3.0]])), expected)


@given(seed=st.integers(0, 1000), order=st.permutations(range(7)))
def test_the_order_of_the_classes_changes_nothing(seed: int, order: list[int]) -> None:
    made = some(7, seed)
    moved = ClassRelations(
        made.sizes[order], made.following[np.ix_(order, order)], made.touching, made.features[order]
    )  # class i + 1 is now what order[i] + 1 was
    for n in range(1, 8):
        groups = {frozenset(order[k - 1] + 1 for k in group) for group in MergeTree.of(moved).cut(n)}
        assert groups == {frozenset(group) for group in MergeTree.of(made).cut(n)}


def test_a_rare_class_that_differs_is_not_swallowed_by_a_large_one() -> None:
    following = np.diag([20, 20, 10_000, 10_000, 10_000, 10_000]) * 100  # the first two hold 0.1 % of the pixels
    looks = [[4.0, 0.0], [3.8, 0.0], [0.0, 0.0], [0.0, 0.5], [0.5, 0.0], [-4.0, 0.0]]
    assert MergeTree.of(relations(following, looks)).cut(3) == ((1, 2), (3, 4, 5), (6,))


@given(seed=st.integers(0, 1000), n=st.integers(1, 9))
def test_each_cut_has_every_class_once_and_joins_two_groups_of_the_next(seed: int, n: int) -> None:
    tree = MergeTree.of(some(9, seed))
    groups, finer = tree.cut(n), tree.cut(n + 1)
    assert len(groups) == n
    assert sorted(k for group in groups for k in group) == list(range(1, 10))
    assert all(any(set(part) <= set(group) for group in groups) for part in finer)


def test_unused_classes_are_in_no_group() -> None:
    following = np.full((5, 5), 100)
    tree = MergeTree.of(relations(following, np.arange(5.0)[:, None] ** 2, sizes=[500, 0, 500, 63, 500]))
    assert tree.cut(9) == ((1,), (3,), (5,))
    assert tree.cut(2) == ((1, 3), (5,))


def test_groups_stay_together_and_locked_classes_apart() -> None:
    made = relations(np.full((6, 6), 100), np.arange(6.0)[:, None])
    tree = MergeTree.of(made, together=[(6, 1)], apart=[3])
    assert tree.leaves == ((1, 6), (2,), (3,), (4,), (5,))
    assert tree.cut(1) == ((1, 2, 4, 5, 6), (3,))
    locked = ClassMap.fresh(6).merge([1, 6]).lock([6])
    assert MergeTree.of_rows(made, locked).cut(3) == ((1, 6), (2, 3), (4, 5))


def test_without_a_next_section_looks_decide() -> None:
    tree = MergeTree.of(relations(np.zeros((4, 4)), [[0.0], [1.0], [1.1], [3.0]], sizes=[100] * 4))
    assert tree.cut(3) == ((1,), (2, 3), (4,))


def test_a_class_never_seen_twice_has_no_profile_of_its_own() -> None:
    following = np.kron(np.diag([1, 1]), np.full((2, 2), 100))
    following[3] = following[:, 3] = 0
    looks = [[0.0], [0.0], [1.0], [1.0]]
    assert MergeTree.of(relations(following, looks, sizes=[100] * 4)).cut(2) == ((1, 2), (3, 4))


def test_equal_classes_are_merged_in_the_order_of_their_ids() -> None:
    assert MergeTree.of(relations(np.full((4, 4), 100))).merges == ((1, 2), (1, 3), (1, 4))


def test_json_brings_the_tree_back() -> None:
    tree = MergeTree.of(some(8, 3), together=[(2, 5)], apart=[1])
    assert MergeTree.from_json(json.loads(json.dumps(tree.to_json()))) == tree


@pytest.mark.parametrize(
    "stored",
    [
        None,
        {"schema_version": 2},
        {"schema_version": 1, "leaves": [[1], [2]]},
        {"schema_version": 1, "leaves": [[1], [2]], "merges": [[1, 3]]},
        {"schema_version": 1, "leaves": [[1], [2]], "merges": [[1, 1]]},
        {"schema_version": 1, "leaves": [[1], [2]], "merges": [[1]]},
        {"schema_version": 1, "leaves": [[]], "merges": []},
    ],
)
def test_damaged_json_is_refused(stored: object) -> None:
    with pytest.raises(InputError, match="merge tree"):
        MergeTree.from_json(stored)


@pytest.mark.parametrize("together", [[(1, 2), (2, 3)], [(0, 1)], [(1, 9)]])
def test_groups_that_overlap_or_are_unknown_are_refused(together: list[tuple[int, ...]]) -> None:
    with pytest.raises(InputError, match="overlap, or are not 1 to 4"):
        MergeTree.of(some(4, 0), together)


def test_other_numbers_of_classes_and_groups_are_refused() -> None:
    with pytest.raises(InputError, match="4 classes were compared, 5 are shown"):
        MergeTree.of_rows(some(4, 0), ClassMap.fresh(5))
    with pytest.raises(InputError, match="0 groups"):
        MergeTree.of(some(4, 0)).cut(0)


def test_groups_become_merges_with_the_colour_of_the_largest() -> None:
    class_map = ClassMap.fresh(5).rename(4, "membrane")
    merged = with_groups(class_map, ((1, 4), (2,), (3, 5)), shares=[0.1, 0.2, 0.3, 0.2, 0.2])
    assert merged.rows() == (1, 2, 3)
    assert (merged.name_of(1), merged.color_of(1)) == ("membrane", class_map.color_of(4))
    assert merged.members(3) == (3, 5)
    assert with_groups(merged, ((1, 4), (2,), (3, 5))) == merged


def test_254_classes_take_no_time() -> None:
    import time

    made = some(254, 0)
    start = time.perf_counter()
    assert len(MergeTree.of(made).cut(3)) == 3
    assert time.perf_counter() - start < 5
