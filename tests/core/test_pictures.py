"""When a picture of what is in view is due, and that large ones come in pieces."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from napari_em_autoclass.core import pictures, tiling
from napari_em_autoclass.core.classifier.inside import inside
from napari_em_autoclass.core.events import CutRequest, CutTaken, SnapshotTaken, ViewRequest
from napari_em_autoclass.core.normalise import Normalisation
from napari_em_autoclass.core.pictures import Pictures, share_of_time
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.core.working import WorkingVolume

OF_RUN: Any = ("run", 3, "learning")
SECTION = ViewRequest(1, 0, 40, 0, 48)
CUT = CutRequest(0, 6, 10, 11, 0, 48, serial=1)


class Costly:
    """A classifier of two classes that takes 0.1 s by the clock of the test."""

    stride, radius_px, context = 8, 1, 0

    def __init__(self, fake_time: Any) -> None:
        self._time = fake_time

    def __call__(self, image: Any, margin: int = 0) -> Any:
        self._time.now += 0.1
        return inside(image.repeat(1, 2, 1, 1), margin)

    def parameters(self) -> tuple[()]:
        return ()

    buffers = parameters


@pytest.fixture
def made() -> Pictures:
    data = np.random.default_rng(0).integers(0, 256, (6, 40, 48), dtype=np.uint8)
    fitted = Normalisation(centre=128, spread=70, section_centre=(128.0,) * 6, section_spread=(70.0,) * 6)
    return Pictures(WorkingVolume(Volume(data, (40.0, 4.0, 4.0)), fitted, (1, 1)), 2)


def test_a_section_is_drawn_at_once_then_when_its_time_has_come(made: Pictures, fake_time: Any) -> None:

    def due(view: ViewRequest, paused: bool = False) -> bool:
        return made.is_due(view, 0.5, is_paused=paused)

    assert due(SECTION)
    assert due(SECTION, True)
    assert isinstance(made.take(Costly(fake_time), SECTION, OF_RUN), SnapshotTaken)
    assert not due(SECTION)
    assert due(replace(SECTION, serial=9))
    fake_time.now += 0.35
    assert not due(SECTION)
    fake_time.now += 0.1
    assert due(SECTION)
    assert not due(SECTION, True)  # nothing is learned meanwhile


def test_pictures_take_a_fifth_of_the_time_at_most(made: Pictures, fake_time: Any) -> None:
    made.take(Costly(fake_time), SECTION, OF_RUN)
    fake_time.now += 0.39
    assert not made.is_due(SECTION, 0.0, is_paused=False)
    fake_time.now += 0.02
    assert made.is_due(SECTION, 0.0, is_paused=False)


def test_beside_steps_that_leave_a_processor_free_they_take_more(
    made: Pictures, fake_time: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "processor_threads", lambda _: 2)
    assert (share_of_time(1), share_of_time(2)) == (0.6, 0.2)
    made.share = 0.5
    made.take(Costly(fake_time), SECTION, OF_RUN)
    fake_time.now += 0.09
    assert not made.is_due(SECTION, 0.0, is_paused=False)
    fake_time.now += 0.02
    assert made.is_due(SECTION, 0.0, is_paused=False)


@pytest.mark.parametrize("view", [SECTION, CUT])
def test_a_first_sketch_is_painted_once_and_what_follows_it_again(made: Pictures, fake_time: Any, view: Any) -> None:
    piece = made.take(Costly(fake_time), view, ("run", 0, "first sketch"))
    while not piece.is_complete:
        fake_time.now += 10
        assert made.is_due(view, 0.5, is_paused=False, stage="first sketch")
        piece = made.take(Costly(fake_time), view, ("run", 1, "first sketch"))
    fake_time.now += 10
    assert not made.is_due(view, 0.5, is_paused=False, stage="first sketch")
    assert made.is_due(replace(view, serial=5), 0.5, is_paused=False, stage="first sketch")
    assert made.is_due(view, 0.5, is_paused=False, stage="learning")
    made.take(Costly(fake_time), view, ("run", 26, "learning"))
    fake_time.now += 10
    assert made.is_due(view, 0.5, is_paused=False, stage="learning")


def test_only_what_is_known_waits_for_a_step_that_nearly_ends(made: Pictures, fake_time: Any) -> None:
    assert not made.can_wait(SECTION, 0.01)
    made.take(Costly(fake_time), SECTION, OF_RUN)  # 0.1 s
    assert [made.can_wait(SECTION, left) for left in (0.06, 0.04, 0.01, 0.0, -1.0)] == [False, True, True, False, False]
    assert not made.can_wait(replace(SECTION, z=2), 0.04)


def test_a_cut_comes_in_pieces_with_time_to_learn_in_between(made: Pictures, fake_time: Any) -> None:
    classifier = Costly(fake_time)
    seen: list[int] = []
    while len(seen) < 6:
        assert made.is_due(CUT, 5.0, is_paused=False)
        before = fake_time.now
        piece = made.take(classifier, CUT, OF_RUN)
        took_s = fake_time.now - before
        assert took_s <= pictures._PIECE_S + 0.1
        assert isinstance(piece, CutTaken)
        assert piece.is_complete is (len(seen) + len(piece.sections) == 6)
        seen += piece.sections
        if len(seen) < 6:
            fake_time.now += 4 * took_s - 0.01
            assert not made.is_due(CUT, 5.0, is_paused=False)
            assert made.is_due(CUT, 5.0, is_paused=True)  # nobody waits for the processor
            fake_time.now += 0.02
    assert sorted(seen) == list(range(6))
    # Complete: from now on it is only kept fresh.
    fake_time.now += 4.9 - took_s
    assert not made.is_due(CUT, 5.0, is_paused=False)
    assert not made.is_due(CUT, 5.0, is_paused=True)
    fake_time.now += 0.2
    assert made.is_due(CUT, 5.0, is_paused=False)


def test_the_next_row_of_the_same_strip_goes_on_where_the_last_stopped(made: Pictures, fake_time: Any) -> None:
    classifier = Costly(fake_time)
    first = made.take(classifier, CUT, OF_RUN)
    beside = replace(CUT, y0=12, y1=13, serial=2)
    second = made.take(classifier, beside, OF_RUN)
    assert isinstance(first, CutTaken)
    assert isinstance(second, CutTaken)
    assert second.view.serial == 2
    assert not set(first.sections) & set(second.sections)
    far = made.take(classifier, replace(CUT, y0=30, y1=31), OF_RUN)
    assert isinstance(far, CutTaken)
    assert far.sections == first.sections


LARGE = ViewRequest(1, 0, 128, 0, 160, serial=3)  # 4 x 5 tiles of 32


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> Pictures:
    monkeypatch.setattr(tiling, "_MAX_TILE_PX", 32)
    data = np.random.default_rng(0).integers(0, 256, (3, 128, 160), dtype=np.uint8)
    fitted = Normalisation(centre=128, spread=70, section_centre=(128.0,) * 3, section_spread=(70.0,) * 3)
    return Pictures(WorkingVolume(Volume(data, (40.0, 4.0, 4.0)), fitted, (1, 1)), 2)


def test_a_large_section_grows_and_is_complete_before_anything_else(large: Pictures, fake_time: Any) -> None:
    found = list(large.pieces(Costly(fake_time), LARGE, OF_RUN, lambda: True, lambda: True))
    assert [len(piece.known) for piece in found] == [3, 6, 9, 12, 15, 18, 0]
    assert [piece.is_complete for piece in found] == [False] * 6 + [True]
    assert not large.is_due(LARGE, 0.4, is_paused=False)
    assert not large.is_due(LARGE, 0.4, is_paused=True)


def test_complete_it_is_kept_fresh_at_least_twice_a_second(large: Pictures, fake_time: Any) -> None:
    classifier = Costly(fake_time)
    list(large.pieces(classifier, LARGE, OF_RUN, lambda: True, lambda: True))
    since, seen = fake_time.now, 0
    while fake_time.now < since + 10:
        fake_time.now += 0.01
        if large.is_due(LARGE, 0.4, is_paused=False):
            (piece,) = large.pieces(classifier, LARGE, OF_RUN, lambda: True, lambda: True)
            assert piece.is_complete
            seen += 1
    assert seen == 19  # of 0.1 s each, a fifth of the time


def test_of_a_large_section_the_rest_is_left_out_when_something_else_is_looked_at(
    large: Pictures, fake_time: Any
) -> None:
    classifier, looks = Costly(fake_time), iter([True, False])
    found = list(large.pieces(classifier, LARGE, OF_RUN, lambda: True, lambda: next(looks)))
    assert len(found) == 2
    other = replace(LARGE, z=2, serial=4)
    assert large.is_due(other, 0.4, is_paused=False)
    assert large.take(classifier, other, OF_RUN).known
    # Nor does anybody wait for it after a stop.
    assert list(large.pieces(classifier, LARGE, OF_RUN, lambda: False, lambda: True)) == []


def test_with_the_classes_of_the_next_stage_the_whole_section_comes_anew(large: Pictures, fake_time: Any) -> None:
    classifier = Costly(fake_time)
    list(large.pieces(classifier, LARGE, OF_RUN, lambda: True, lambda: True))
    done: Any = ("run", 9, "done")
    found = list(large.pieces(classifier, LARGE, done, lambda: True, lambda: True))
    assert len(found) == 7
    assert all(piece.is_complete for piece in found)  # the old classes show until the new ones are there
