"""How rows look, and which change, come and go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.gui.class_look import changed, looks_of, moves, runs


def test_a_row_looks_as_the_class_map_says() -> None:
    class_map = ClassMap.fresh(5).merge([2, 4], name="axon").with_visible([2], False).lock([3]).ignore([5])
    looks = looks_of(class_map)
    assert tuple(looks) == class_map.rows()
    assert (looks[2].name, looks[2].members, looks[2].color) == ("axon", (2, 4), class_map.color_of(4))
    assert looks[2].flags == {"named"}
    assert looks[3].flags == {"visible", "locked"}
    assert looks[5].flags == {"visible", "ignored"}


def test_of_254_rows_only_the_one_that_was_renamed_has_changed() -> None:
    before = ClassMap.fresh(254)
    assert changed(looks_of(before), looks_of(before.rename(100, "axon"))) == [range(99, 100)]
    assert changed(looks_of(before), looks_of(before)) == []


@given(old=st.lists(st.integers(1, 30), unique=True), new=st.lists(st.integers(1, 30), unique=True))
def test_what_goes_and_comes_turns_the_old_rows_into_the_new(old: list[int], new: list[int]) -> None:
    found = moves(old, new)
    if found is None:
        assert [row for row in old if row in new] != [row for row in new if row in old]
        return
    gone, come = found
    rows = list(old)
    for run in reversed(gone):
        del rows[run.start : run.stop]
    for run in come:
        rows[run.start : run.start] = new[run.start : run.stop]
    assert rows == new


def test_neighbouring_places_are_one_run() -> None:
    assert runs([1, 2, 3, 7, 9, 10]) == [range(1, 4), range(7, 8), range(9, 11)]
    assert runs([]) == []
