"""Groups: what no merge could have made is refused."""

import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.group import Group, check_groups, default_name, in_order, tidy_name

BLACK = "#000000"
PAIR = Group((1, 2), "pair", BLACK)
KNOWN = frozenset(range(1, 6))


def test_a_merge_of_a_group_and_a_class_passes():
    check_groups((Group((1, 2, 3), "three", BLACK, (PAIR,)), Group((4, 5), "rest", BLACK)), KNOWN)


@pytest.mark.parametrize(
    "groups",
    [
        (Group((4, 5), "b", BLACK), PAIR),  # not by smallest member
        (Group((2, 1), "a", BLACK),),
        (Group((5, 6), "a", BLACK),),
        (PAIR, Group((2, 3), "b", BLACK)),
        (Group((1, 1), "a", BLACK),),
        (Group((3,), "a", BLACK),),
        (Group((), "a", BLACK),),
        (Group((1, 2), "a", BLACK, (PAIR,)),),  # merges nothing with its part
        (Group((3, 4, 5), "a", BLACK, (PAIR,)),),
        (Group((1, 2, 3), "a", BLACK, (PAIR, Group((2, 3), "b", BLACK))),),
        (Group((1, 2, 3), "a", BLACK, (PAIR, PAIR)),),
        (Group((1, 2, 3, 4), "a", BLACK, (Group((1, 2, 3), "b", BLACK, (PAIR,)),)),),  # parts are kept flat
        (Group((1, 2, 3), "a", BLACK, (Group((3,), "b", BLACK),)),),
    ],
)
def test_groups_that_no_merge_makes_are_refused(groups):
    with pytest.raises(InputError, match="damaged"):
        check_groups(groups, KNOWN)


def test_a_colour_that_is_none_is_refused():
    with pytest.raises(InputError, match="#rrggbb"):
        check_groups((Group((1, 2), "a", "red"),), KNOWN)


def test_a_group_comes_apart_into_what_was_merged_last():
    three = Group((1, 2, 3), "three", BLACK).with_parts([PAIR])
    five = Group((1, 2, 3, 4, 5), "five", BLACK).with_parts([three, Group((4, 5), "rest", BLACK)])
    assert five.apart() == (three, Group((4, 5), "rest", BLACK))
    assert three.apart() == (PAIR,)
    assert PAIR.apart() == ()


def test_renumbering_reaches_the_parts_and_keeps_given_names():
    three = Group((1, 2, 3), default_name(1, 2, 3), BLACK, (PAIR,))
    moved = three.renumbered({1: 5, 2: 4, 3: 3})
    assert moved == Group((3, 4, 5), "class 3 +2", BLACK, (Group((4, 5), "pair", BLACK),))


def test_json_brings_a_group_of_groups_back():
    three = Group((1, 2, 3), "three", BLACK, (PAIR,))
    assert Group.from_json(three.to_json()) == three


def test_groups_are_kept_by_their_smallest_member():
    assert in_order([Group((3, 4), "b", BLACK), PAIR]) == (PAIR, Group((3, 4), "b", BLACK))


def test_a_name_is_one_line():
    assert tidy_name("  a\n b\t") == "a b"
