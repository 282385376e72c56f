"""One view at a time, and only the newest of those that wait."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from napari_em_autoclass.core.events import CutRequest, CutTaken, ViewRequest
from napari_em_autoclass.gui.previewer import Previewer


def view(z: int) -> ViewRequest:
    return ViewRequest(z, 0, 4, 0, 4)


def test_while_it_works_only_the_newest_view_is_kept(qtbot: Any, fake_run: Any) -> None:
    go, begun = threading.Event(), threading.Event()
    asked: list[int] = []

    def classify(request: ViewRequest) -> Any:
        asked.append(request.z)
        begun.set()
        go.wait(5)
        return fake_run().snapshot(request)

    previewer = Previewer(classify)
    answers: list[int] = []
    previewer.answered.connect(lambda snapshot: answers.append(snapshot.view.z))
    previewer.ask(view(0))
    qtbot.waitUntil(begun.is_set, timeout=3000)
    for z in (1, 2, 3):
        previewer.ask(view(z))
    go.set()
    qtbot.waitUntil(lambda: answers == [0, 3], timeout=3000)
    assert asked == [0, 3]


def test_an_error_is_told_and_the_next_view_is_answered(qtbot: Any, fake_run: Any) -> None:
    def classify(request: ViewRequest) -> Any:
        if request.z == 0:
            raise RuntimeError("no")
        return fake_run().snapshot(request)

    previewer = Previewer(classify)
    with qtbot.waitSignal(previewer.failed, timeout=3000):
        previewer.ask(view(0))
    with qtbot.waitSignal(previewer.answered, timeout=3000):
        previewer.ask(view(1))


def test_after_close_nothing_is_answered(qtbot: Any, fake_run: Any) -> None:
    go, done = threading.Event(), threading.Event()

    def classify(request: ViewRequest) -> Any:
        go.wait(5)
        done.set()
        return fake_run().snapshot(request)

    previewer = Previewer(classify)
    previewer.ask(view(0))
    previewer.ask(view(1))
    with qtbot.assertNotEmitted(previewer.answered, wait=100):
        previewer.close()
        go.set()
        qtbot.waitUntil(done.is_set, timeout=3000)


class Pieces:
    """Answers a cut of five sections one by one; waits before the third until it may go on."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.go = threading.Event()

    def __call__(self, request: Any) -> CutTaken:
        self.asked.append(request)
        z = len([asked for asked in self.asked if asked == request]) - 1
        if len(self.asked) == 3:
            self.go.wait(5)
        strip = np.ones((1, 1, 4), np.uint8)
        return CutTaken("r", 0, "done", request, (z,), (request.y0, 0), strip, strip, is_complete=z == 4)


def cut(y: int) -> CutRequest:
    return CutRequest(0, 5, y, y + 1, 0, 4)


def test_a_cut_is_answered_until_it_is_complete(qtbot: Any) -> None:
    pieces, answers = Pieces(), []
    pieces.go.set()
    previewer = Previewer(pieces)
    previewer.answered.connect(lambda taken: answers.append(taken.sections[0]))
    previewer.ask(cut(1))
    qtbot.waitUntil(lambda: answers == [0, 1, 2, 3, 4], timeout=3000)
    qtbot.wait(50)
    assert len(pieces.asked) == 5


def test_a_newer_view_comes_before_the_rest_of_a_cut(qtbot: Any) -> None:
    pieces, answers = Pieces(), []
    previewer = Previewer(pieces)
    previewer.answered.connect(lambda taken: answers.append(taken.is_complete))
    previewer.ask(cut(1))
    qtbot.waitUntil(lambda: len(pieces.asked) == 3, timeout=3000)
    previewer.ask(cut(9))
    pieces.go.set()
    qtbot.waitUntil(lambda: bool(answers) and answers[-1], timeout=3000)
    assert pieces.asked == [cut(1)] * 3 + [cut(9)] * 5
