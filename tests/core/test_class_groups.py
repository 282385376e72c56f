"""Classes taken out of their groups: the others stay merged, and nothing else changes."""

from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_em_autoclass.core.class_groups import take_out
from napari_em_autoclass.core.class_map import ClassMap, History
from napari_em_autoclass.core.errors import InputError

K = 7

ids = st.integers(1, K)
merges = st.lists(st.lists(ids, unique=True, min_size=2, max_size=4), max_size=6)


def merged(class_map: ClassMap, chosen: list[int]) -> ClassMap:
    """Merge where that is possible."""
    try:
        return class_map.merge(chosen)
    except InputError:
        return class_map


def test_a_class_that_is_taken_out_shows_as_itself() -> None:
    before = ClassMap.fresh(K).rename(5, "spine").merge([2, 4, 5], "axon")
    after = take_out(before, [5])
    assert after.members(2) == (2, 4)
    assert (after.name_of(2), after.name_of(5)) == ("axon", "spine")
    assert after.color_of(5) == ClassMap.fresh(K).color_of(5)


def test_a_default_name_follows_what_is_left() -> None:
    assert take_out(ClassMap.fresh(K).merge([2, 4, 5]), [5]).name_of(2) == "class 2 +1"


def test_a_group_of_one_is_none() -> None:
    assert take_out(ClassMap.fresh(K).merge([2, 4], "axon"), [2]).groups == ()


def test_the_smaller_groups_inside_lose_the_class_too() -> None:
    nested = ClassMap.fresh(K).merge([1, 2, 3], "a").merge([1, 4], "b")
    after = take_out(nested, [3])
    assert after.members(1) == (1, 2, 4)
    assert after.unmerge(1).members(1) == (1, 2)
    assert after.unmerge(1).name_of(1) == "a"


def test_a_smaller_group_that_would_be_all_of_it_is_forgotten() -> None:
    after = take_out(ClassMap.fresh(K).merge([1, 2], "a").merge([1, 3], "b"), [3])
    assert after.name_of(1) == "b"
    assert after.unmerge(1).groups == ()


def test_what_is_not_merged_or_locked_is_refused() -> None:
    with pytest.raises(InputError, match="class 3 is not merged"):
        take_out(ClassMap.fresh(K), [3])
    with pytest.raises(InputError, match="locked; unlock it"):
        take_out(ClassMap.fresh(K).merge([1, 2]).lock([2]), [1])
    with pytest.raises(InputError, match="there is no class 8"):
        take_out(ClassMap.fresh(K), [8])


@given(merges, st.lists(ids, unique=True, min_size=1, max_size=4))
def test_taking_out_leaves_a_map_that_merges_could_have_made(chosen: list[list[int]], gone: list[int]) -> None:
    before = reduce(merged, chosen, ClassMap.fresh(K))
    gone = [i for i in gone if len(before.members(i)) > 1]
    after = take_out(before, gone)  # checked at its door
    assert all(after.members(i) == (i,) for i in gone)
    assert all(set(after.members(i)) == set(before.members(i)) - set(gone) for i in range(1, K + 1) if i not in gone)
    assert (after.names, after.colors, after.hidden) == (before.names, before.colors, before.hidden)
    assert ClassMap.from_json(after.to_json()) == after


@given(merges, ids)
def test_undo_brings_the_group_back_bit_for_bit(chosen: list[list[int]], gone: int) -> None:
    before = reduce(merged, chosen, ClassMap.fresh(K))
    if len(before.members(gone)) > 1:
        history = History.of(before).do(take_out(before, [gone]))
        assert history.undo().present == before
