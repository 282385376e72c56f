from __future__ import annotations

import dataclasses
import pickle
import typing

import numpy as np
import pytest

from napari_em_autoclass.core import events

VIEW = events.ViewRequest(z=2, y0=0, y1=4, x0=0, x1=6, prob_classes=(3,), serial=5)
CUT = events.CutRequest(z0=0, z1=9, y0=3, y1=4, x0=0, x1=6, prob_classes=(3,), serial=6)
GREY = np.full((4, 6), 7, np.uint8)
EXAMPLES: list[typing.Any] = [
    events.RunStarted("r1", 20, "cpu", "no GPU", (50.0, 4.0, 4.0), (8.0, 8.0), (30, 512, 512)),
    events.StepDone("r1", 3, 0.1, 2.5, (("balance", 0.4),), 0.4, 7.5, (0.5, 0.5)),
    events.SnapshotTaken("r1", 3, "learning", VIEW, GREY, GREY, ((3, GREY),)),
    events.CutTaken("r1", 3, "learning", CUT, (0,), (0, 0), GREY[None], GREY[None], ((3, GREY[None]),)),
    events.ClassesRemade("r1", 20, (1.0, 0.9)),
    events.CheckpointSaved("r1", 20, "runs/r1"),
    events.QualityMeasured("r1", 20, 0.19),
    events.SettingsChanged("r1", 20, (("terms.balance.weight", 2.0),)),
    events.Notice("r1", "a section is damaged"),
    events.RunEnded("r1", 30, "finished"),
]


def same(a: object, b: object) -> bool:
    if isinstance(a, tuple):
        return isinstance(b, tuple) and len(a) == len(b) and all(map(same, a, b))
    return bool(np.array_equal(a, b)) if isinstance(a, np.ndarray) else a == b


def test_there_is_an_example_of_every_event() -> None:
    assert {type(event) for event in EXAMPLES} == set(typing.get_args(events.Event))


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
def test_an_event_crosses_processes(event: typing.Any) -> None:
    back = pickle.loads(pickle.dumps(event))
    assert type(back) is type(event)
    for field in dataclasses.fields(event):
        assert same(getattr(back, field.name), getattr(event, field.name)), field.name


@pytest.mark.parametrize("event", [*EXAMPLES, VIEW, CUT], ids=lambda event: type(event).__name__)
def test_an_event_can_not_be_edited(event: typing.Any) -> None:
    field = dataclasses.fields(event)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(event, field, None)


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
def test_an_event_names_its_run(event: typing.Any) -> None:
    assert event.run_id == "r1"


def test_runs_that_end_do_not_share_their_details() -> None:
    first, second = events.RunEnded("a", 1, "stopped"), events.RunEnded("b", 1, "stopped")
    first.details["why"] = "asked for"
    assert second.details == {}


def test_requests_of_one_view_are_equal() -> None:
    assert dataclasses.replace(VIEW) == VIEW
    assert dataclasses.replace(VIEW, serial=6) != VIEW


def test_an_incomplete_snapshot_falls_into_complete_parts() -> None:
    view = events.ViewRequest(z=2, y0=10, y1=14, x0=20, x1=26)
    classes = np.arange(24, dtype=np.uint8).reshape(4, 6)
    known = ((10, 12, 20, 23), (12, 14, 23, 26))
    taken = events.SnapshotTaken("r1", 3, "learning", view, classes, classes + 1, ((3, classes + 2),), known)
    assert not taken.is_complete
    first, second = taken.parts()
    assert first.is_complete
    assert (second.view.z, second.view.y0, second.view.x0) == (2, 12, 23)
    np.testing.assert_array_equal(first.classes, classes[:2, :3])
    np.testing.assert_array_equal(second.confidence, classes[2:, 3:] + 1)
    np.testing.assert_array_equal(second.probs[0][1], classes[2:, 3:] + 2)
    assert first.parts() == (first,)
