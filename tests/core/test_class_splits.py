"""A split and taking it back: nothing else changes, and nothing is lost."""

import json
from dataclasses import replace
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_em_autoclass.core.class_map import ClassMap, History
from napari_em_autoclass.core.class_splits import with_split, without_split
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.palette import default_colors
from napari_em_autoclass.core.split import FoundParts

K = 6


def found(class_id=2, n=3):
    centres = tuple(tuple(float(x) for x in np.random.default_rng((class_id, k)).normal(size=4)) for k in range(n))
    return FoundParts(class_id, centres, 0.5, "network@7")


IDS = st.integers(1, K + 8)
DECISIONS = st.one_of(
    st.tuples(st.just("split"), st.integers(1, K), st.integers(2, 4)),
    st.tuples(st.just("unsplit"), IDS),
    st.tuples(st.just("merge"), st.lists(IDS, unique=True, min_size=2, max_size=4)),
    st.tuples(st.just("unmerge"), IDS),
    st.tuples(st.just("rename"), IDS, st.text(max_size=4)),
    st.tuples(st.just("recolour"), IDS, st.sampled_from(["#000000", "#ABCDEF"])),
    st.tuples(st.just("with_visible"), st.lists(IDS, max_size=3), st.booleans()),
    st.tuples(st.just("lock"), st.lists(IDS, max_size=1), st.booleans()),
)


def decide(class_map, decision):
    """Apply a decision; one that is refused changes nothing."""
    method, *arguments = decision
    try:
        if method == "split":
            return with_split(class_map, found(*arguments))
        if method == "unsplit":
            return without_split(class_map, *arguments)
        return getattr(class_map, method)(*arguments)
    except InputError:
        return class_map


class_maps = st.lists(DECISIONS, max_size=14).map(lambda decisions: reduce(decide, decisions, ClassMap.fresh(K)))


def test_the_parts_show_in_place_of_the_class_and_the_k_classes_stay():
    split = with_split(ClassMap.fresh(K), found(2, 3))
    assert split.rows() == (1, 7, 8, 9, 3, 4, 5, 6)
    assert split.ids == (1, 2, 3, 4, 5, 6, 7, 8, 9)
    assert [split.name_of(i) for i in (7, 8, 9)] == ["class 2 a", "class 2 b", "class 2 c"]
    assert (split.n_classes, split.names, split.colors) == (K, ClassMap.fresh(K).names, default_colors(K))
    assert split.lookup().tolist() == list(range(10))


def test_the_largest_part_keeps_the_colour_and_the_others_get_new_ones():
    split = with_split(ClassMap.fresh(K).recolour(2, "#123456"), found(2, 3))
    assert split.color_of(7) == "#123456"
    assert [split.color_of(8), split.color_of(9)] == list(default_colors(9)[7:])


def test_parts_are_named_coloured_merged_and_hidden_like_classes():
    split = with_split(ClassMap.fresh(K), found(2, 2)).rename(8, "cristae").recolour(7, "#010203")
    assert split.name_of(8) == "cristae"
    assert split.color_of(7) == "#010203"
    assert split.rename(8, "").name_of(8) == "class 2 b"
    merged = split.merge([8, 5])
    assert (merged.name_of(5), merged.shown_id(8), merged.rows()) == ("cristae", 5, (1, 7, 3, 4, 5, 6))
    assert merged.unmerge(5) == split
    assert not split.with_visible([7], False).is_visible(7)


def test_what_hid_the_class_hides_its_parts_until_the_split_is_taken_back():
    hidden = ClassMap.fresh(K).with_visible([2], False).ignore([2])
    split = with_split(hidden, found(2, 2))
    assert (split.hidden, split.ignored) == ({2, 7, 8}, {2, 7, 8})
    assert without_split(split, 8) == hidden


def test_two_splits_have_ids_of_their_own_and_freed_ones_are_used_again():
    both = with_split(with_split(ClassMap.fresh(K), found(4, 2)), found(1, 2))
    assert [split.ids for split in both.splits] == [(9, 10), (7, 8)]
    alone = without_split(both, 4)
    assert alone.ids == (*range(1, 7), 9, 10)
    assert alone.lookup().shape == (11,)
    assert with_split(alone, found(2, 3)).split_of(2).ids == (7, 8, 11)


@pytest.mark.parametrize(
    ("class_map", "message"),
    [
        (ClassMap.fresh(K).merge([2, 3]), "is merged; un-merge it"),
        (ClassMap.fresh(K).lock([2]), "class 2 is locked"),
        (with_split(ClassMap.fresh(K), found(2, 2)), "class 2 is split already"),
    ],
)
def test_a_class_that_is_merged_locked_or_split_is_refused(class_map, message):
    with pytest.raises(InputError, match=message):
        with_split(class_map, found(2, 2))


def test_a_part_is_not_split_again_and_a_split_class_not_merged():
    split = with_split(ClassMap.fresh(K), found(2, 2))
    with pytest.raises(InputError, match="split already"):
        with_split(split, replace(found(2, 2), class_id=7))
    with pytest.raises(InputError, match="class 2 is split; merge its parts"):
        split.merge([1, 2])


@pytest.mark.parametrize("n", [0, 1, 7])
def test_two_to_six_parts_are_made(n):
    with pytest.raises(InputError, match="2 to 6 parts"):
        with_split(ClassMap.fresh(K), found(2, n))


def test_without_free_ids_there_is_no_split():
    with pytest.raises(InputError, match="no room for 3 parts"):
        with_split(ClassMap.fresh(252), found(2, 3))
    assert with_split(ClassMap.fresh(251), found(2, 3)).ids[-1] == 254


def test_a_split_whose_part_is_merged_or_locked_stays():
    split = with_split(ClassMap.fresh(K), found(2, 2))
    with pytest.raises(InputError, match="un-merge it to take the split back"):
        without_split(split.merge([7, 3]), 2)
    with pytest.raises(InputError, match="locked"):
        without_split(split.lock([8]), 2)
    with pytest.raises(InputError, match="class 3 is not split"):
        without_split(split, 3)


@given(class_maps, st.integers(1, K), st.integers(2, 6))
def test_split_then_taken_back_is_the_identity(class_map, class_id, n):
    try:
        split = with_split(class_map, found(class_id, n))
    except InputError:
        return
    assert without_split(split, class_id) == class_map


@given(class_maps, st.integers(1, K), st.integers(2, 6))
def test_a_split_leaves_names_colours_and_eyes_of_all_others_alone(class_map, class_id, n):
    try:
        split = with_split(class_map, found(class_id, n))
    except InputError:
        return
    assert (split.n_classes, split.names, split.colors, split.groups) == (
        class_map.n_classes,
        class_map.names,
        class_map.colors,
        class_map.groups,
    )
    others = [i for i in class_map.ids if i != class_id]
    for ask in ("name_of", "color_of", "is_visible", "shown_id", "members"):
        assert [getattr(split, ask)(i) for i in others] == [getattr(class_map, ask)(i) for i in others]


@given(class_maps, st.lists(IDS, unique=True, min_size=2, max_size=4))
def test_merging_parts_and_taking_that_back_is_the_identity(class_map, chosen):
    try:
        merged = class_map.merge(chosen)
    except InputError:
        return
    assert merged.unmerge(chosen[0]) == class_map


@given(class_maps)
def test_every_row_stands_once_and_the_lookup_leads_to_it(class_map):
    rows, whole = class_map.rows(), {split.class_id for split in class_map.splits}
    assert sorted(m for row in rows for m in class_map.members(row)) == [i for i in class_map.ids if i not in whole]
    table = class_map.lookup()
    assert all(table[i] == class_map.shown_id(i) for i in class_map.ids)


@given(st.lists(DECISIONS, max_size=8))
def test_undo_and_the_file_bring_everything_back_bit_for_bit(decisions):
    history = History.of(ClassMap.fresh(K))
    seen = [history.present]
    for decision in decisions:
        after = decide(history.present, decision)
        history = history.do(after)
        if after != seen[-1]:
            seen.append(after)
    assert History.from_json(json.loads(json.dumps(history.to_json()))) == history
    for earlier in reversed(seen[:-1]):
        history = history.undo()
        assert history.present == earlier
    for later in seen[1:]:
        history = history.redo()
        assert history.present == later


@given(class_maps, st.permutations(range(1, K + 1)))
def test_a_split_follows_its_class_to_its_new_id(class_map, new_to_old):
    moved = class_map.permuted(new_to_old)
    assert [new_to_old[split.class_id - 1] for split in moved.splits] != [] or not class_map.splits
    assert moved.permuted(np.argsort(new_to_old) + 1) == class_map
