"""Decisions about classes: every one can be taken back, and none loses a class."""

import json
import time
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_em_autoclass.core.class_map import ClassMap, Group, History
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.palette import default_colors

K = 9


def ids(n_classes=K, **sizes):
    return st.lists(st.integers(1, n_classes), unique=True, **sizes)


# One decision of a user: the name of a method and its arguments.
DECISIONS = st.one_of(
    st.tuples(st.just("merge"), ids(min_size=2, max_size=4)),
    st.tuples(st.just("merge"), ids(min_size=2, max_size=4), st.sampled_from(["", "axon"]), st.just(range(K))),
    st.tuples(st.just("unmerge"), st.integers(1, K)),
    st.tuples(st.just("rename"), st.integers(1, K), st.text(max_size=4)),
    st.tuples(st.just("recolour"), st.integers(1, K), st.sampled_from(["#000000", "#ABCDEF"])),
    st.tuples(st.just("with_visible"), ids(max_size=3), st.booleans()),
    st.tuples(st.just("lock"), ids(max_size=1), st.booleans()),
    st.tuples(st.just("ignore"), ids(max_size=3), st.booleans()),
    st.tuples(st.just("permuted"), st.permutations(range(1, K + 1))),
)


def decide(class_map, decision):
    """Apply a decision; one that is refused (locked, not merged, one already) changes nothing."""
    method, *arguments = decision
    try:
        return getattr(class_map, method)(*arguments)
    except InputError:
        return class_map


class_maps = st.lists(DECISIONS, max_size=12).map(lambda decisions: reduce(decide, decisions, ClassMap.fresh(K)))


def test_a_fresh_map_may_have_names_already():
    class_map = ClassMap.fresh(4, ("  membrane ", "", "vesicles"))
    assert class_map.names == ("membrane", "class 2", "vesicles", "class 4")
    assert [class_map.is_named(i) for i in class_map.ids] == [True, False, True, False]


def test_a_fresh_map_shows_every_class_as_itself():
    class_map = ClassMap.fresh(3)
    assert class_map.names == ("class 1", "class 2", "class 3")
    assert class_map.colors == default_colors(3)
    assert class_map.rows() == (1, 2, 3)
    assert class_map.lookup().tolist() == [0, 1, 2, 3]
    assert all(class_map.is_visible(i) for i in (1, 2, 3))


def test_a_group_shows_under_its_smallest_member():
    class_map = ClassMap.fresh(8).merge([7, 3], name="mitochondria")
    assert class_map.rows() == (1, 2, 3, 4, 5, 6, 8)
    assert class_map.members(7) == (3, 7)
    assert class_map.shown_id(7) == 3
    assert class_map.name_of(3) == class_map.name_of(7) == "mitochondria"
    assert class_map.lookup().tolist() == [0, 1, 2, 3, 4, 5, 6, 3, 8]
    assert class_map.lookup().dtype == np.uint8


def test_a_group_takes_the_colour_of_its_largest_member():
    class_map = ClassMap.fresh(4)
    assert class_map.merge([2, 3], shares=(0.1, 0.2, 0.4, 0.3)).color_of(2) == class_map.color_of(3)
    assert class_map.merge([2, 3], shares=(0.1, 0.4, 0.2, 0.3)).color_of(2) == class_map.color_of(2)
    assert class_map.merge([3, 2]).color_of(2) == class_map.color_of(3)  # the first, without shares


def test_the_share_of_a_group_counts_all_its_members():
    pair = ClassMap.fresh(4).merge([1, 2])
    assert pair.merge([3, 1], shares=(0.2, 0.2, 0.3, 0.3)).color_of(3) == pair.color_of(1)


def test_names_given_by_hand_follow_into_the_group():
    class_map = ClassMap.fresh(5).rename(2, "membrane").rename(4, "axon")
    assert class_map.merge([1, 2]).name_of(1) == "membrane"
    assert class_map.merge([2, 4], shares=(0, 0.1, 0, 0.2, 0)).name_of(2) == "axon"
    assert class_map.merge([2, 4], name="neurite").name_of(4) == "neurite"
    assert class_map.merge([1, 3, 5]).name_of(1) == "class 1 +2"


def test_a_group_that_grows_keeps_its_name():
    class_map = ClassMap.fresh(5).merge([3, 4], name="axon").merge([1, 3])
    assert class_map.members(1) == (1, 3, 4)
    assert class_map.name_of(4) == "axon"


def test_a_default_name_of_a_group_follows_its_members():
    assert ClassMap.fresh(5).merge([2, 3]).merge([2, 1]).name_of(3) == "class 1 +2"


def test_unmerging_takes_the_last_merge_back():
    pair = ClassMap.fresh(5).merge([3, 4], name="axon").recolour(3, "#101010")
    assert pair.merge([1, 3]).unmerge(4) == pair
    assert pair.unmerge(3) == ClassMap.fresh(5)


def test_naming_and_colouring_a_group_leaves_its_members_alone():
    class_map = ClassMap.fresh(3).rename(1, "one")
    merged = class_map.merge([1, 2]).rename(2, "  both\nof them ").recolour(1, "#ABCDEF")
    assert (merged.name_of(1), merged.color_of(2)) == ("both of them", "#abcdef")
    assert (merged.names, merged.colors) == (class_map.names, class_map.colors)
    assert merged.unmerge(1) == class_map


def test_an_empty_name_brings_the_default_back():
    assert ClassMap.fresh(3).rename(2, "axon").rename(2, " ") == ClassMap.fresh(3)
    assert ClassMap.fresh(3).merge([1, 2], name="axon").rename(1, "").name_of(1) == "class 1 +1"


def test_a_group_is_hidden_when_all_its_members_are():
    class_map = ClassMap.fresh(3).with_visible([1], False).merge([1, 2])
    assert class_map.is_visible(1)
    assert not class_map.with_visible([2], False).is_visible(1)
    assert class_map.with_visible([2], False).hidden == {1, 2}
    assert class_map.with_visible([2], False).with_visible([1], True).hidden == frozenset()


def test_ignoring_is_only_noted():
    class_map = ClassMap.fresh(3).ignore([2])
    assert class_map.ignored == {2}
    assert class_map.lookup().tolist() == [0, 1, 2, 3]
    assert class_map.ignore([2], False) == ClassMap.fresh(3)


def test_a_locked_class_is_not_merged_and_the_message_says_what_to_do():
    with pytest.raises(InputError, match=r"class 2 \(axon\) is locked; unlock it to merge"):
        ClassMap.fresh(3).rename(2, "axon").lock([2]).merge([1, 2])
    assert ClassMap.fresh(3).lock([2]).lock([2], False).merge([1, 2]).members(1) == (1, 2)


def test_a_locked_group_is_not_taken_apart():
    with pytest.raises(InputError, match=r"class 1 \+1 is locked; unlock it to take apart"):
        ClassMap.fresh(3).merge([1, 2]).lock([2]).unmerge(1)


@pytest.mark.parametrize("chosen", [[], [1], [2, 2], [1, 3]])
def test_a_merge_needs_two_rows(chosen):
    with pytest.raises(InputError, match="at least two"):
        ClassMap.fresh(4).merge([1, 3]).merge(chosen)


def test_only_what_is_merged_can_be_taken_apart():
    with pytest.raises(InputError, match="class 2 is not merged"):
        ClassMap.fresh(4).unmerge(2)


@pytest.mark.parametrize("bad", [0, -1, 4, 255, 1.0, "1", None, True])
@pytest.mark.parametrize(
    "ask",
    [
        lambda m, i: m.members(i),
        lambda m, i: m.merge([1, i]),
        lambda m, i: m.unmerge(i),
        lambda m, i: m.rename(i, "axon"),
        lambda m, i: m.recolour(i, "#000000"),
        lambda m, i: m.with_visible([i], True),
        lambda m, i: m.lock([i]),
        lambda m, i: m.ignore([i]),
        lambda m, i: m.name_of(i),
        lambda m, i: m.color_of(i),
        lambda m, i: m.shown_id(i),
        lambda m, i: m.is_visible(i),
    ],
)
def test_an_unknown_class_is_refused(ask, bad):
    with pytest.raises(InputError, match="there is no class"):
        ask(ClassMap.fresh(3), bad)


@pytest.mark.parametrize("n_classes", [0, -3, 255])
def test_a_number_of_classes_that_uint8_cant_hold_is_refused(n_classes):
    with pytest.raises(InputError, match="1 to 254"):
        ClassMap.fresh(n_classes)


def test_shares_of_another_number_of_classes_are_refused():
    with pytest.raises(InputError, match="2 shares for 3 classes"):
        ClassMap.fresh(3).merge([1, 2], shares=(0.5, 0.5))


@pytest.mark.parametrize("bad", [[1, 2], [1, 2, 2], [0, 1, 2], [1, 2, 3, 4]])
def test_only_a_permutation_carries_decisions_over(bad):
    with pytest.raises(InputError, match="not a permutation of 1 to 3"):
        ClassMap.fresh(3).permuted(bad)


def test_decisions_follow_their_class_to_its_new_id():
    class_map = ClassMap.fresh(4).rename(1, "axon").merge([3, 4]).with_visible([2], False).lock([1]).ignore([4])
    moved = class_map.permuted([2, 3, 4, 1])  # the new class 4 continues the old class 1
    assert moved.names == ("class 1", "class 2", "class 3", "axon")
    assert moved.color_of(4) == class_map.color_of(1)
    assert moved.members(2) == (2, 3)
    assert moved.name_of(2) == "class 2 +1"
    assert (moved.hidden, moved.locked, moved.ignored) == ({1}, {4}, {2, 3})


def test_numpy_ids_end_up_as_plain_numbers():
    class_map = ClassMap.fresh(4).merge(np.array([2, 4])).with_visible(np.array([1], np.uint8), False)
    assert ClassMap.from_json(json.loads(json.dumps(class_map.to_json()))) == class_map


@given(class_maps, ids(min_size=2, max_size=5), st.none() | st.just("axon"))
def test_merge_then_unmerge_is_the_identity(class_map, chosen, name):
    try:
        merged = class_map.merge(chosen, name)
    except InputError:
        return
    assert merged.unmerge(chosen[0]) == class_map


@given(class_maps)
def test_the_lookup_stays_total_whatever_is_decided(class_map):
    table = class_map.lookup()
    assert class_map.n_classes == K
    assert table.shape == (K + 1,)
    assert table[0] == 0
    assert set(table[1:].tolist()) == set(class_map.rows())
    assert all(table[i] == class_map.shown_id(i) == min(class_map.members(i)) for i in range(1, K + 1))
    assert sorted(m for row in class_map.rows() for m in class_map.members(row)) == list(range(1, K + 1))


@given(class_maps)
def test_json_brings_the_same_map_back(class_map):
    assert ClassMap.from_json(json.loads(json.dumps(class_map.to_json()))) == class_map


@given(class_maps, st.permutations(range(1, K + 1)))
def test_permuting_there_and_back_is_the_identity(class_map, new_to_old):
    back = np.argsort(new_to_old) + 1
    assert class_map.permuted(new_to_old).permuted(back) == class_map


def damaged(**changes):
    return {**ClassMap.fresh(4).merge([1, 2]).to_json(), **changes}


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ({}, "schema None"),
        ([], "schema None"),
        (damaged(schema_version=99), "schema 99"),
        (damaged(n_classes=5), "4 names and 4 colours for 5 classes"),
        (damaged(n_classes="4"), "damaged"),
        (damaged(names=None), "damaged"),
        (damaged(hidden=["1"]), "damaged"),
        (damaged(hidden=[5]), "outside 1 to 4"),
        (damaged(colors=["red"] * 4), "#rrggbb"),
        (damaged(groups=[{"members": [1, 2]}]), "damaged"),
        (damaged(groups=[{"members": [1, 5], "name": "a", "color": "#000000", "parts": []}]), "unknown classes"),
    ],
)
def test_a_damaged_file_is_refused(stored, message):
    with pytest.raises(InputError, match=message):
        ClassMap.from_json(stored)


def test_254_classes_merged_one_by_one_are_quick():
    class_map, begin = ClassMap.fresh(254), time.perf_counter()
    for i in range(2, 255):
        class_map = class_map.merge([1, i])
    assert class_map.rows() == (1,)
    assert class_map.permuted(range(254, 0, -1)).permuted(range(254, 0, -1)) == class_map
    assert ClassMap.from_json(json.loads(json.dumps(class_map.to_json()))) == class_map
    for _ in range(253):
        class_map = class_map.unmerge(1)
    assert class_map == ClassMap.fresh(254)
    assert time.perf_counter() - begin < 20


def test_groups_and_history_are_offered_beside_the_map():
    assert ClassMap.fresh(2).merge([1, 2]).groups == (Group((1, 2), "class 1 +1", default_colors(1)[0]),)
    assert History.of(ClassMap.fresh(2)).present == ClassMap.fresh(2)
