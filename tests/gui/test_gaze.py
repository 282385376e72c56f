from __future__ import annotations

from typing import Any

import numpy as np

from napari_em_autoclass.core.events import CutRequest, CutTaken, ViewRequest
from napari_em_autoclass.core.split import Split
from napari_em_autoclass.gui.gaze import Gaze

SECTION = ViewRequest(2, 0, 8, 0, 9)
CUT = CutRequest(0, 5, 3, 4, 0, 9)


def test_before_anything_is_looked_at_nothing_is_asked() -> None:
    assert Gaze().request(in_parts=True) is None


def test_each_request_has_a_higher_number_and_what_is_wanted() -> None:
    gaze = Gaze()
    split: Any = Split.__new__(Split)
    assert gaze.ask((3, 1), (split,))
    assert not gaze.ask((3, 1), (split,))
    gaze.view = SECTION
    first, second = gaze.request(in_parts=False), gaze.request(in_parts=True)
    assert (first.prob_classes, first.splits, second.splits) == ((3, 1), (), (split,))
    assert second.serial > first.serial
    gaze.view = CUT
    assert gaze.request(in_parts=False).serial > second.serial


def test_a_cut_is_no_section() -> None:
    gaze = Gaze()
    gaze.view = SECTION
    assert gaze.section is SECTION
    gaze.view = CUT
    assert gaze.section is None


def test_an_answer_that_was_overtaken_is_no_news_but_pieces_of_one_cut_are(fake_run: Any) -> None:
    gaze, run = Gaze(), fake_run()
    strip = np.ones((1, 1, 9), np.uint8)

    def cut(serial: int, z: int) -> CutTaken:
        return CutTaken("r", 0, "learning", CutRequest(0, 5, 3, 4, 0, 9, serial=serial), (z,), (3, 0), strip, strip)

    assert all(gaze.is_news(cut(5, z)) for z in range(3))
    assert not gaze.is_news(run.snapshot(ViewRequest(1, 0, 8, 0, 9, serial=4)))
    assert gaze.is_news(run.snapshot(ViewRequest(1, 0, 8, 0, 9, serial=6)))
    assert not gaze.is_news(cut(5, 3))
    gaze.forget_answers()
    assert gaze.is_news(cut(1, 3))
