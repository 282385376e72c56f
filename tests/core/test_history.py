"""Undo restores bit for bit, also in another process."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.history import History

# Each draw is another class map: two are merged, a third renamed.
STEPS = st.lists(
    st.tuples(st.permutations(range(1, 6)), st.text(max_size=3)).map(
        lambda drawn: ClassMap.fresh(5).merge(drawn[0][:2]).rename(drawn[0][2], drawn[1])
    ),
    max_size=8,
)


def history_of(steps):
    history = History.of(ClassMap.fresh(5))
    for step in steps:
        history = history.do(step)
    return history


@given(STEPS)
def test_undo_goes_back_step_by_step_to_the_beginning(steps):
    history = history_of(steps)
    for earlier in reversed(history.past):
        history = history.undo()
        assert history.present == earlier
    assert history.present == ClassMap.fresh(5)
    assert not history.can_undo


@given(STEPS, st.integers(0, 8))
def test_redo_takes_back_what_undo_did(steps, n):
    history = undone = history_of(steps)
    n = min(n, len(history.past))
    for _ in range(n):
        undone = undone.undo()
    assert undone.can_redo == (n > 0)
    for _ in range(n):
        undone = undone.redo()
    assert undone == history


def test_a_new_step_forgets_what_was_taken_back():
    one, two = ClassMap.fresh(3).rename(1, "one"), ClassMap.fresh(3).rename(2, "two")
    history = History.of(ClassMap.fresh(3)).do(one).undo().do(two)
    assert not history.can_redo
    assert history.undo().present == ClassMap.fresh(3)


def test_a_step_that_changes_nothing_leaves_no_trace():
    history = History.of(ClassMap.fresh(3)).do(ClassMap.fresh(3).rename(1, "one")).undo()
    assert history.do(ClassMap.fresh(3)) is history


def test_undo_and_redo_at_the_ends_do_nothing():
    history = History.of(ClassMap.fresh(3))
    assert history.undo() is history
    assert history.redo() is history


@given(STEPS)
def test_json_brings_past_present_and_future_back(steps):
    history = history_of(steps).undo().undo()
    assert History.from_json(json.loads(json.dumps(history.to_json()))) == history


def test_re_made_classes_keep_their_history():
    history = History.of(ClassMap.fresh(3)).do(ClassMap.fresh(3).merge([1, 2], name="axon")).permuted([3, 1, 2])
    assert history.present.members(2) == (2, 3)
    assert history.undo().present.rows() == (1, 2, 3)
    assert history.undo().redo() == history
    assert history.undo().present.colors[1] == ClassMap.fresh(3).colors[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 2}, "schema 2"),
        ({"past": None}, "damaged"),
        ({"present": {}}, "schema None"),
        ({"past": [ClassMap.fresh(4).to_json()]}, "differ in their number of classes"),
    ],
)
def test_a_damaged_file_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        History.from_json({**History.of(ClassMap.fresh(3)).to_json(), **changes})


def test_a_file_without_a_present_is_refused():
    with pytest.raises(InputError, match="damaged"):
        History.from_json({"schema_version": 1, "past": [], "future": []})
